package emulator

import (
	"os/exec"
	"runtime"
	"syscall"
)

// diesWithParent has the kernel kill the process when the one that started it is gone.
func diesWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// startHeld starts a process and calls ended when it is over. To the kernel the parent is the thread that started
// the process, not this program; so that thread is kept until the process has ended.
func startHeld(cmd *exec.Cmd, ended func()) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed, in the end
			ended()
		}
	}()
	return <-started
}
