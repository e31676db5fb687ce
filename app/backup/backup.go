// Package backup writes all that one client has into one encrypted stream, proves it by restoring it, and restores it: into an empty
// database of any engine, or in place of what is there (BK-1, BK-10). It is handed one client's parts and knows of no other (DP-1).
//
// # What is in it
//
// Every table but three is read in one snapshot (store.View), by ent's generated API alone (AS-1), then the content of the attachments.
// Left out is what belongs to the running service or to the database's server and not to the client's data: sessions, locks, and the
// roles of BI tools (their history is in the audit log).
//
// The client's sealing keys are in it too. What is sealed in the rows (the secrets of second factors) could not be opened on a new
// machine without them, and a backup that needs something that burned with the old machine is none. They are inside the encryption, which
// only the recipients' secret halves open; whoever has one of those has the data itself. A restore seals everything again with the keys
// of the client that it restores to, so that old keys do not live on.
//
// # How it is verified
//
// While it is written, the compressed bytes on their way to the encryption also go into a restore: into a temporary SQLite database,
// whose rows are counted and summed against what was read, and every attachment's hash is compared. So each backup that is named as made
// has been restored once. A machine that has the recipients' public halves alone cannot read back what it encrypted, which is the point
// of having only those; `taskflow backup verify` does the whole check with a secret half, from the stored file on.
//
// age authenticates every chunk of the stream and its end, so what was altered, cut or reordered is refused. It does not tell who made a
// file: the public halves suffice to make one. Who may write to the place of backups is for that place to decide.
package backup

import (
	"time"

	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/files"
	"github.com/berth-iac/berth/app/seal"
	"github.com/berth-iac/berth/app/store"
)

// Source is the client to back up.
type Source struct {
	Client  string // short name: what is sealed is bound to it
	Display string
	Hosts   []string
	Release string
	Keys    []seal.Key
	Store   *store.Store
	Files   files.Store
	Feed    feed.Feed // nil where the activity feed is in the database
}

// Header is what a backup says of itself before its rows.
type Header struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"`
	Client  string    `json:"client"`
	Display string    `json:"display"`
	Hosts   []string  `json:"hosts"`
	Made    time.Time `json:"made"`
	Release string    `json:"release,omitempty"`
	Engine  string    `json:"engine"`
	Schema  string    `json:"schema"` // the newest migration of the release that made it
	Audit   AuditEnd  `json:"audit"`
}

// AuditEnd is the newest entry of the client's audit log.
type AuditEnd struct {
	Seq  int64  `json:"seq"`
	Hash string `json:"hash,omitempty"`
}

// Count is what is known of a table: how many rows, and a sum of their hashes that no order changes, for engines sort differently.
type Count struct {
	Rows int64  `json:"rows"`
	Sum  string `json:"sum"`
}

// Summary is what is in a backup.
type Summary struct {
	Header
	Tables  map[string]Count `json:"tables"`
	Rows    int64            `json:"rows"`
	Files   int64            `json:"files"`
	Bytes   int64            `json:"bytes"`   // of the files
	Missing int64            `json:"missing"` // files that were removed while the backup was made
}

const format = 1
