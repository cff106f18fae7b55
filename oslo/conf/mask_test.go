package conf

import "testing"

func TestMask(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"inproc:", "inproc:"},
		{"sqlite:///var/x.db", "sqlite:///var/x.db"},
		{"postgresql://nova@db/nova", "postgresql://nova@db/nova"},
		{"postgresql://nova:secret@db/nova", "postgresql://nova:***@db/nova"},
		{"rabbit://u:secret@h1:5672,u:secret@h2:5672/v", "rabbit://***@h2:5672/v"},
		{"nats://u:secret@h1:4222,nats://u:secret@h2:4222", "nats://***@h2:4222"},
		{"nats://h1:4222,nats://u:secret@h2:4222", "nats://***@h2:4222"},
		{"rabbit://h1,u:secret@h2/", "rabbit://h1,u:***@h2/"},
	} {
		if got := mask(&option{secret: "url"}, c.in); got != c.want {
			t.Errorf("%s: got %s, want %s", c.in, got, c.want)
		}
	}
}
