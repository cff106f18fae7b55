//go:build !linux

package dbtest

import (
	"errors"
	"os/exec"
	"os/user"
)

// diesWithUs has nothing to set where tests do not run as root.
func diesWithUs(_ *exec.Cmd, u *user.User) error {
	if u != nil {
		return errors.New("run the tests as an ordinary user")
	}
	return nil
}
