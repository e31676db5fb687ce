package web

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/berth-iac/berth/app/accounts"
	"github.com/berth-iac/berth/app/actor/trail"
	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/pages"
)

// The kinds of the log's filter that are no beginning of an action.
const (
	kindRefused  = "refused"
	kindProvider = "provider's account"
)

func auditKinds(now string) []pages.Option {
	return chosen(now, "", "Everything", "sign-in", "Signing in", "password", "Passwords", "second-factor", "Second steps", "person.", "People", "team.", "Teams",
		"access.", "API tokens", "project.", "Projects", "task.", "Tasks", "comment.", "Comments", "attachment.", "Files", "rule.", "Automation",
		"data.", "Export and import", "settings.", "Settings", "audit.", "The log itself", "provider.", "Support access", kindProvider, "What the provider did", kindRefused, "Refusals")
}

// auditFilter reads the filter of the log. found is false where nobody is called so.
func (c *call) auditFilter(query url.Values) (f audit.Filter, found bool, err error) {
	switch kind := query.Get("kind"); kind {
	case kindRefused:
		f.Outcome = audit.Refused
	case kindProvider:
		f.ActorKind = audit.Provider
	default:
		f.Action = kind
	}
	if who := strings.TrimSpace(query.Get("who")); who != "" {
		people, _, err := c.accounts.People(c.ctx(), c.who(), accounts.Search{Words: who, Size: 200})
		if err != nil || len(people) == 0 {
			return f, false, err
		}
		i := max(0, slices.IndexFunc(people, func(p accounts.Person) bool { return strings.EqualFold(p.Name, who) || strings.EqualFold(p.Email, who) }))
		f.ActorID = people[i].ID
	}
	if f.From, err = day(query, "from"); err != nil {
		return f, false, err
	}
	if f.To, err = day(query, "to"); err != nil {
		return f, false, err
	}
	if !f.To.IsZero() {
		f.To = f.To.AddDate(0, 0, 1) // that day, too
	}
	if before := query.Get("before"); before != "" {
		if f.Before, err = strconv.ParseInt(before, 10, 64); err != nil || f.Before < 1 {
			return f, false, fault.BadInput("before", "there is no such page", "begin with the first")
		}
	}
	return f, true, nil
}

func day(query url.Values, field string) (time.Time, error) {
	if query.Get(field) == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.DateOnly, query.Get(field))
	if err != nil {
		return time.Time{}, fault.BadInput(field, "it is no date", "write it like 2026-11-30")
	}
	return at, nil
}

// auditLog shows the client's log (AC-5).
func auditLog(c *call) error {
	query := c.r.URL.Query()
	filter, found, err := c.auditFilter(query)
	if err != nil {
		return err
	}
	var entries []*ent.AuditEntry
	var before int64
	if found {
		if entries, before, err = c.client.Audit.Page(c.ctx(), filter); err != nil {
			return err
		}
	}
	chrome, err := c.chrome()
	if err != nil {
		return err
	}
	kept := url.Values{}
	for _, field := range []string{"who", "kind", "from", "to"} {
		if v := query.Get(field); v != "" {
			kept.Set(field, v)
		}
	}
	page := pages.AuditLog{Chrome: chrome, Kinds: auditKinds(query.Get("kind")), Who: query.Get("who"), From: filter.From, Query: kept.Encode(), Verified: c.verified()}
	if !filter.To.IsZero() {
		page.To = filter.To.AddDate(0, 0, -1)
	}
	for _, one := range entries {
		page.Entries = append(page.Entries, pages.AuditEntry{Number: one.Seq, At: one.At, Who: whoOf(one), Visit: one.ActorKind == audit.Provider, What: one.Action,
			Subject: one.Target, Detail: details(detailsOf(one)), Address: one.Address, Refused: one.Outcome != audit.OK, Hash: short(one.Hash), Previous: short(one.PrevHash)})
	}
	next := ""
	if before > 0 {
		next = strconv.FormatInt(before, 10)
	}
	kept["before"] = some(query.Get("before"))
	page.Pager = older("/audit", kept, "before", next)
	return c.page(page)
}

func whoOf(e *ent.AuditEntry) string {
	if e.ActorName != "" {
		return e.ActorName
	}
	if e.ActorKind == audit.Anonymous {
		return "Nobody signed in"
	}
	return string(e.ActorKind)
}

func short(hash string) string { return hash[:min(len(hash), 10)] }

// detailsOf reads what an entry tells besides.
func detailsOf(e *ent.AuditEntry) map[string]string {
	var all map[string]string
	if e.Detail != "" && json.Unmarshal([]byte(e.Detail), &all) != nil {
		return map[string]string{"detail": e.Detail} // somebody altered it: it is shown as it is
	}
	return all
}

func details(all map[string]string) string {
	var parts []string
	for name, value := range all {
		if value != "" {
			parts = append(parts, name+": "+value)
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// How often the chain is checked when somebody looks at it, and how long they wait for it.
const (
	checkEvery  = 15 * time.Minute
	checkWithin = 3 * time.Second
)

// verified is what checking the chain came to. A log that is too long to be checked while somebody waits is checked at the command line.
func (c *call) verified() pages.Verified {
	c.checking.Lock()
	defer c.checking.Unlock()
	if age := c.now().Sub(c.checked.At); c.checked.State != "" && age >= 0 && age < checkEvery {
		return c.checked
	}
	ctx, cancel := context.WithTimeout(c.ctx(), checkWithin)
	defer cancel()
	report, err := c.client.Audit.Verify(ctx)
	if err != nil {
		if c.ctx().Err() == nil {
			c.report(c.ctx(), "the audit log could not be checked", err)
		}
		return pages.Verified{State: pages.VerifiedPending}
	}
	c.checked = pages.Verified{State: pages.VerifiedWhole, At: c.now(), Entries: report.Entries}
	if !report.OK() {
		c.checked.State, c.checked.Broken = pages.VerifiedBroken, report.Problems[0].Seq
	}
	return c.checked
}

// actionsUnder counts what the provider did in a visit, up to a page of it.
func (c *call) actionsUnder(v accounts.ProviderVisit) (int, error) {
	entries, _, err := c.client.Audit.Page(c.ctx(), audit.Filter{ActorKind: audit.Provider, From: v.At, To: v.At.Add(accounts.StaffAbsolute), Limit: 200})
	n := 0
	for _, one := range entries {
		if one.ActorName == v.Name && one.GrantID != nil && *one.GrantID == v.GrantID {
			n++
		}
	}
	return n, err
}

// exported is an entry of the log as a program reads it.
type exported struct {
	Number    int64             `json:"number"`
	At        time.Time         `json:"at"`
	ActorKind string            `json:"actorKind"`
	ActorID   string            `json:"actorId,omitempty"`
	Actor     string            `json:"actor"`
	GrantID   string            `json:"grantId,omitempty"`
	Action    string            `json:"action"`
	Target    string            `json:"target,omitempty"`
	TargetID  string            `json:"targetId,omitempty"`
	Outcome   string            `json:"outcome"`
	Address   string            `json:"address,omitempty"`
	Agent     string            `json:"agent,omitempty"`
	Detail    map[string]string `json:"detail,omitempty"`
	Previous  string            `json:"previous"`
	Hash      string            `json:"hash"`
}

func exportOf(e *ent.AuditEntry) exported {
	id := func(id *uuid.UUID) string {
		if id == nil {
			return ""
		}
		return id.String()
	}
	return exported{e.Seq, e.At, string(e.ActorKind), id(e.ActorID), e.ActorName, id(e.GrantID), e.Action, e.Target, id(e.TargetID), string(e.Outcome),
		e.Address, e.Agent, detailsOf(e), e.PrevHash, e.Hash}
}

// exportAudit streams the log as it is filtered (AC-5, DP-7), and writes down that it did.
func exportAudit(c *call) error {
	format := c.form.Get("format")
	if format != "csv" && format != "json" {
		return fault.BadInput("format", "there is no such format", "choose CSV or JSON")
	}
	query, err := url.ParseQuery(c.form.Get("query"))
	if err != nil {
		return fault.BadInput("query", "it is no filter", "export from the page of the log")
	}
	filter, found, err := c.auditFilter(query)
	if err != nil {
		return err
	}
	if !found {
		return fault.BadInput("who", "nobody is called so", "loosen the filter")
	}
	filter.Before = 0
	e := trail.Entry(c.who(), c.now(), "audit.export")
	e.Target, e.Detail["format"], e.Detail["filter"] = "audit log", format, query.Encode()
	if err := c.client.Audit.Record(c.ctx(), e); err != nil {
		return err
	}
	h := c.w.Header()
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="audit-%s.%s"`, c.now().UTC().Format(time.DateOnly), format))
	write, kind := writeCSV, "text/csv; charset=utf-8"
	if format == "json" {
		write, kind = writeJSON, "application/json"
	}
	h.Set("Content-Type", kind)
	if err := write(c.ctx(), c.w, c.client.Audit, filter); err != nil {
		c.report(c.ctx(), "an export of the audit log broke off", err)
		panic(http.ErrAbortHandler) // whoever reads it must not take the half for the whole
	}
	return nil
}

func writeJSON(ctx context.Context, w io.Writer, log *audit.Log, filter audit.Filter) error {
	between := "[\n"
	encoder := json.NewEncoder(w)
	for e, err := range log.All(ctx, filter) {
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, between); err != nil {
			return err
		}
		if err := encoder.Encode(exportOf(e)); err != nil {
			return err
		}
		between = ","
	}
	end := "]\n"
	if between != "," {
		end = "[]\n"
	}
	_, err := io.WriteString(w, end)
	return err
}

func writeCSV(ctx context.Context, w io.Writer, log *audit.Log, filter audit.Filter) error {
	out := csv.NewWriter(w)
	if err := out.Write([]string{"number", "at", "actor kind", "actor id", "actor", "grant id", "action", "target", "target id", "outcome", "address", "agent", "detail", "previous", "hash"}); err != nil {
		return err
	}
	for e, err := range log.All(ctx, filter) {
		if err != nil {
			return err
		}
		x := exportOf(e)
		row := []string{strconv.FormatInt(x.Number, 10), x.At.UTC().Format(time.RFC3339Nano), x.ActorKind, x.ActorID, x.Actor, x.GrantID, x.Action, x.Target, x.TargetID,
			x.Outcome, x.Address, x.Agent, details(x.Detail), x.Previous, x.Hash}
		for i := range row {
			row[i] = inert(row[i])
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// inert is a cell that no spreadsheet takes for a formula.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
