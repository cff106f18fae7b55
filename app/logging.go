package app

import (
	"io"
	"log/slog"
	"os"
	"sync"

	"hypernova/oslo/fault"
	"hypernova/oslo/log"
	"hypernova/oslo/private"
)

// Logging is the log of a configuration.
type Logging struct {
	*slog.Logger
	Level *slog.LevelVar
	file  *logFile // nil: the lines go elsewhere
}

// Logger opens the log of this configuration, for a command: log_file, or else w. done closes it.
func (c *Config) Logger(w io.Writer) (l *slog.Logger, done func(), err error) {
	x, err := c.Logging(w)
	if err != nil {
		return nil, nil, err
	}
	return x.Logger, func() { x.Close() }, nil
}

// Logging opens the log of this configuration, for services: log_file, or else w. Close ends it.
func (c *Config) Logging(w io.Writer) (*Logging, error) {
	l := &Logging{}
	if name := c.Default.LogFile; name != "" {
		l.file = &logFile{name: name}
		if _, err := l.file.reopen(); err != nil {
			return nil, err
		}
		w = l.file
	}
	format := "text"
	if c.Default.UseJSON {
		format = "json"
	}
	var err error
	l.Logger, l.Level, err = log.New(w, log.Config{Format: format, Level: c.level()})
	return l, err
}

func (c *Config) level() string {
	if c.Default.Debug {
		return "debug"
	}
	return "info"
}

// Close ends the log; every line was written when it was logged.
func (l *Logging) Close() error {
	if l.file == nil {
		return nil
	}
	return l.file.close()
}

// Reopen is Options.Reopen: after the log's file was renamed, lines go into a new one.
func (l *Logging) Reopen() (string, error) {
	if l.file == nil {
		return "log: it goes to standard error, there is no file to open", nil
	}
	return l.file.reopen()
}

// logFile is a file that can be opened anew while others write.
type logFile struct {
	name string

	mu sync.Mutex // guards f
	f  *os.File
}

func (l *logFile) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Write(b)
}

func (l *logFile) reopen() (string, error) {
	f, err := private.Log(l.name)
	if err != nil {
		return "", fault.Invalidf("[DEFAULT] log_file: %s cannot be written", l.name).Because(err)
	}
	l.mu.Lock()
	old := l.f
	l.f = f
	l.mu.Unlock()
	if old != nil {
		err = old.Close()
	}
	return "log: opened " + l.name + " again", err
}

func (l *logFile) close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.f.Close()
}

// GivenPasswords are the passwords that the configuration sets; empty ones are for others to choose.
func (c *Config) GivenPasswords() Passwords {
	return Passwords{Admin: c.Seed.AdminPassword, Demo: c.Seed.DemoPassword, Service: c.Authtoken.Password}
}
