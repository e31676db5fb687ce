package server

import "time"

// Sweep does at once what is done every few seconds.
func (s *Server) Sweep() { s.sites.sweep() }

// Backups is what a client hears of its backups.
var Backups = backups

// OldestBackup is what the metric says of one client.
func OldestBackup(now, made, seen time.Time) time.Duration {
	a := ages{all: map[string]age{"acme": {made, seen}}}
	return a.oldest(now)
}
