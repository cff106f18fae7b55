package credential

// Options are section [credential].
type Options struct {
	Repository string `conf:"key_repository" default:"$state_path/credential-keys" help:"The folder of the keys that users' credentials are sealed with in the database. Every keystone process needs the same ones. Empty keeps a key in memory, and what is sealed with it can be read by this process only."`
}
