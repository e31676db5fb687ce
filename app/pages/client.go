package pages

import (
	"fmt"
	"strconv"
	"time"
)

// ClientSettings are for administrators. GET /settings.
type ClientSettings struct {
	Chrome
	General        GeneralForm
	Passwords      PasswordForm
	ProviderAccess ProviderForm
}

// GeneralForm is POST /settings/general.
type GeneralForm struct {
	Form
	Name   string
	Accent Accent
}

// PasswordForm is POST /settings/passwords (AC-7: a choice of the client for its own people).
type PasswordForm struct {
	Form
	MinLength int
	MaxDays   int // 0: never
	Classes   bool
	Factor    []Option // field factor: who has to have a second factor
}

// ProviderForm is POST /settings/provider/grants (AC-8).
type ProviderForm struct {
	Form
	Grants []Grant
	Reason string
	Hours  []Option
}

// Grant lets the provider in for a while.
type Grant struct {
	ID     string
	Reason string
	By     Person
	From   time.Time
	Until  time.Time
	Active bool
	Uses   int
}

func (ClientSettings) about() about {
	return about{template: "client-settings", title: "Settings", here: "settings"}
}

// AuditLog is what happened, by whom, from where (AC-5). GET /audit; POST /audit/export.
type AuditLog struct {
	Chrome
	Entries  []AuditEntry
	Kinds    []Option // field kind
	Who      string
	From     time.Time
	To       time.Time
	Query    string // the present filter, for the export
	Verified Verified
	Pager    Pager
}

// AuditEntry is one line of the log.
type AuditEntry struct {
	Number   int64
	At       time.Time
	Who      string
	Visit    bool // the provider's account (AC-8)
	What     string
	Subject  string
	Detail   string
	Address  string
	Refused  bool
	Hash     string // the first characters
	Previous string
}

// Verified is what checking the chain came to.
type Verified struct {
	State   VerifiedState
	At      time.Time
	Entries int64
	Broken  int64 // the number of the first entry that does not fit
}

// VerifiedState is what is known of the chain.
type VerifiedState string

// The states of the chain.
const (
	VerifiedWhole   VerifiedState = "whole"
	VerifiedBroken  VerifiedState = "broken"
	VerifiedPending VerifiedState = "pending"
)

func (AuditLog) about() about { return about{template: "audit-log", title: "Audit log", here: "audit"} }

// Security is how safe the client's data is. GET /security.
type Security struct {
	Chrome
	Visits   []ProviderVisit // newest first
	Access   string          // how the provider gets in at present, in words
	Backups  []Backup
	Newest   time.Time // the newest backup; zero: none is known
	Restored time.Time // when one was last restored for trial; zero: not known
	Promises []Promise
	Verified Verified
}

// ProviderVisit is one session of the provider's account.
type ProviderVisit struct {
	Name    string
	Reason  string
	Began   time.Time
	Ended   time.Time // zero: still there
	Actions int
	Path    string // the audit log, narrowed down to it
}

// Backup is one kind of backup.
type Backup struct {
	What  string // "Database", "Files"
	Where string
	At    time.Time
	Late  bool
	Kept  string // "35 days"
}

// Promise is one that the provider makes, and what is known of it.
type Promise struct {
	ID    string
	Words string
	State PromiseState
	Proof string
	At    time.Time
}

// PromiseState is what is known of a promise.
type PromiseState string

// The states of a promise.
const (
	PromiseKept    PromiseState = "kept"
	PromiseBroken  PromiseState = "broken"
	PromiseUnknown PromiseState = "unknown"
)

func (Security) about() about {
	return about{template: "security", title: "Security", here: "security"}
}

// Kept is how many promises are kept.
func (p Security) Kept() int {
	n := 0
	for _, promise := range p.Promises {
		if promise.State == PromiseKept {
			n++
		}
	}
	return n
}

// Data is export and import (DP-7). GET /data; POST /data/export format=zip|csv|json, POST /data/import.
type Data struct {
	Chrome
	Form
	Tables   []Option // field table: what can be exported by itself
	Narrow   []Option // field project of an export: "" for all
	Projects []Option // field project of an import
	Imports  []ImportRun
	Database *DatabaseAccess
	MaxBytes int64
	MaxRows  int
}

// Most is how many rows can be imported at once, in words.
func (d Data) Most() string {
	if d.MaxRows < 1000 {
		return strconv.Itoa(d.MaxRows)
	}
	return fmt.Sprintf("%d,%03d", d.MaxRows/1000, d.MaxRows%1000)
}

// ImportRun is one that was made.
type ImportRun struct {
	ID      string
	File    string
	Project string // its key
	By      Person
	At      time.Time
	Tasks   int
	State   string // in words
}

// DatabaseAccess is read-only access for the client's own analyses (DP-5).
type DatabaseAccess struct {
	Host    string
	Name    string
	User    string
	Expires time.Time
}

func (Data) about() about { return about{template: "data", title: "Export and import", here: "data"} }

// ImportPreview shows what a file would become: POST /data/import/{id}, with do=preview or do=run.
type ImportPreview struct {
	Chrome
	Form
	ID      string
	File    string
	Project NavProject
	Rows    int
	Fields  []ImportField
	Sample  [][]string // the first rows
	Heads   []string
	Faults  []LineProblem
	More    int      // problems that are not shown
	Ready   int      // tasks that would be made; 0 while there are problems
	There   int      // rows that were imported before
	Labels  []string // that would be made
}

// Troubles is how many problems there are.
func (p ImportPreview) Troubles() int { return len(p.Faults) + p.More }

// ImportField says what a column of the file becomes: field map-{n}.
type ImportField struct {
	Column  string
	Example string
	Targets []Option
}

// LineProblem is what is wrong with one line of a file, or with all of it (0).
type LineProblem struct {
	Line   int
	Column string
	Words  string
}

func (ImportPreview) about() about {
	return about{template: "import-preview", title: "Check the import", here: "data"}
}
