package app

import (
	"io"
	"log/slog"
	"os"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
)

// Logger opens the log of this configuration: log_file, or else w. done closes it.
func (c *Config) Logger(w io.Writer) (l *slog.Logger, done func(), err error) {
	done = func() {}
	if name := c.Default.LogFile; name != "" {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
		if err != nil {
			return nil, nil, fault.Invalidf("[DEFAULT] log_file: %s cannot be written", name).Because(err)
		}
		w, done = f, func() { f.Close() } // every line was written when it was logged
	}
	format, level := "text", "info"
	if c.Default.UseJSON {
		format = "json"
	}
	if c.Default.Debug {
		level = "debug"
	}
	l, _, err = log.New(w, log.Config{Format: format, Level: level})
	return l, done, err
}

// GivenPasswords are the passwords that the configuration sets; empty ones are for others to choose.
func (c *Config) GivenPasswords() Passwords {
	return Passwords{Admin: c.Seed.AdminPassword, Demo: c.Seed.DemoPassword, Service: c.Authtoken.Password}
}
