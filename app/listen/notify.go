package listen

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Notify tells systemd of the state of this process; without systemd it does nothing.
type Notify string

// The states.
const (
	Ready    Notify = daemon.SdNotifyReady
	Stopping Notify = daemon.SdNotifyStopping
	alive    Notify = daemon.SdNotifyWatchdog
)

// MainPID tells systemd which process is the service after a hand-over.
func MainPID(pid int) Notify { return Notify(fmt.Sprintf("MAINPID=%d", pid)) }

// Send sends it.
func (n Notify) Send() error {
	if _, err := daemon.SdNotify(false, string(n)); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Watchdog tells systemd twice in each of its intervals that the service is alive, as long as healthy says so, until ctx ends. It
// returns at once where systemd asks for nothing. healthy must not ask what is elsewhere, or a database's failure restarts the service.
func Watchdog(ctx context.Context, healthy func(context.Context) bool) error {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("read the watchdog's interval: %w", err)
	}
	if interval <= 0 {
		return nil
	}
	ticker := time.NewTicker(interval / 2)
	defer ticker.Stop()
	for {
		limited, cancel := context.WithTimeout(ctx, interval/2)
		ok := healthy(limited)
		cancel()
		if ok {
			if err := alive.Send(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
