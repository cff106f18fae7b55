package policies

var (
	FloatingIPsList   = rule("os_compute_api:os-floating-ips:list", reader, "List a project's floating IPs.")
	FloatingIPsShow   = rule("os_compute_api:os-floating-ips:show", reader, "Show a floating IP.")
	FloatingIPsCreate = rule("os_compute_api:os-floating-ips:create", member, "Create a floating IP.")
	FloatingIPsDelete = rule("os_compute_api:os-floating-ips:delete", member, "Delete a floating IP.")
	FloatingIPsAdd    = rule("os_compute_api:os-floating-ips:add", member, "Associate a floating IP with a server.")
	FloatingIPsRemove = rule("os_compute_api:os-floating-ips:remove", member,
		"Disassociate a floating IP from a server.")
	FloatingIPPools = rule("os_compute_api:os-floating-ip-pools", anyone, "List the pools of floating IPs.")
)
