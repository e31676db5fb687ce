//go:build !linux

package aws_test

import (
	"os/exec"
	"time"
)

// apart bounds how long a process is waited for after the test's end.
func apart(cmd *exec.Cmd) { cmd.WaitDelay = 10 * time.Second }
