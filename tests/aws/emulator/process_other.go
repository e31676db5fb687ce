//go:build !linux

package emulator

import "os/exec"

// diesWithParent can do nothing here: only Linux tells a process that its parent died. The bound on the server's
// life does not hold either when this process is killed.
func diesWithParent(*exec.Cmd) {}

// startHeld starts a process and calls ended when it is over.
func startHeld(cmd *exec.Cmd, ended func()) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = cmd.Wait() // it is killed, in the end
		ended()
	}()
	return nil
}
