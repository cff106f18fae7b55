package policies

var (
	ShelveShelve        = rule("os_compute_api:os-shelve:shelve", member, "Shelve a server.")
	ShelveShelveOffload = rule("os_compute_api:os-shelve:shelve_offload", admin,
		"Take a shelved server from its host.")
	ShelveUnshelve       = rule("os_compute_api:os-shelve:unshelve", member, "Unshelve a server.")
	ShelveUnshelveToHost = rule("os_compute_api:os-shelve:unshelve_to_host", admin, "Unshelve a server to a host.")
)
