// Package bi gives a client's BI tools direct access to its database: a role that reads and does nothing else, for a while (DP-5). Who asked
// for it, why, from where and for how long is in the client's audit log and in its database, beside the role itself. It knows what may be
// read and when access ends; the SQL of roles is package dbrole's.
package bi

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/app/audit"
	"github.com/berth-iac/berth/app/ent"
	"github.com/berth-iac/berth/app/ent/bigrant"
	"github.com/berth-iac/berth/app/ent/schema"
	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/store"
	"github.com/berth-iac/berth/app/store/dbrole"
)

// MaxDays is how long access may last; then it is asked for again.
const MaxDays = 366

// readable is what a BI tool may read. What is not named here it may not: passwords, second factors, tokens, sessions, links, mail, settings,
// the audit log, and whatever is added to the schema later.
func readable() []dbrole.Table {
	return []dbrole.Table{
		{Name: "projects", Columns: []string{"id", "key", "name", "description", "color", "visibility", "archived_at", "created_at", "updated_at"}},
		{Name: "states", Columns: []string{"id", "project_id", "name", "kind", "position"}},
		{Name: "tasks", Columns: []string{
			"id", "project_id", "state_id", "number", "title", "description", "priority", "assignee_id", "reporter_id", "due_on", "position",
			"created_at", "updated_at", "done_at", "archived_at",
		}},
		{Name: "labels", Columns: []string{"id", "project_id", "name"}},
		{Name: "task_labels", Columns: []string{"task_id", "label_id"}},
		{Name: "task_relations", Columns: []string{"id", "from_id", "to_id", "kind", "created_at"}},
		{Name: "checklist_items", Columns: []string{"id", "task_id", "text", "position", "done_at"}},
		{Name: "comments", Columns: []string{"id", "task_id", "author_id", "body", "created_at", "edited_at", "deleted_at"}},
		{Name: "attachments", Columns: []string{"id", "task_id", "uploader_id", "name", "size", "content_type", "state", "created_at"}},
		{Name: "users", Columns: []string{"id", "name", "email", "role", "kind", "status", "created_at"}},
		{Name: "teams", Columns: []string{"id", "name", "description", "created_at"}},
		{Name: "team_members", Columns: []string{"team_id", "user_id"}},
		{Name: "project_members", Columns: []string{"project_id", "user_id"}},
		{Name: "project_teams", Columns: []string{"project_id", "team_id"}},
	}
}

// Access is one client's database, open for those whom roles take.
type Access struct {
	Client string
	Store  *store.Store
	Master *dbrole.Server // who may make roles
	Owner  *dbrole.Server // the service's own account, which owns the tables
	Now    func() time.Time
}

// Request is what is asked for.
type Request struct {
	Name      string
	Addresses []string // networks or addresses
	Days      int
	Reason    string
	By        string
}

// Granted is a role that was made. The password is known here and nowhere else.
type Granted struct {
	Role      string    `json:"role"`
	Password  string    `json:"password"`
	Until     time.Time `json:"until"`
	Addresses []string  `json:"addresses"`
	Tables    []string  `json:"tables"`
	Notes     []string  `json:"notes,omitempty"`
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,15}$`)

// roleOf is the role's name on the server. Several clients' databases may be on one server, where roles are everybody's, so it holds a mark
// of the client; MySQL allows 32 letters.
func roleOf(client, name string) string {
	mark := sha256.Sum256([]byte("taskflow bi " + client))
	return "bi_" + name + "_" + hex.EncodeToString(mark[:4])
}

func (r Request) check() ([]netip.Prefix, error) {
	var problems []error
	wrong := func(field, what, fix string) { problems = append(problems, fault.BadInput(field, what, fix)) }
	if !nameForm.MatchString(r.Name) {
		wrong("name", fmt.Sprintf("%q cannot be the name of an access", r.Name), "use up to 16 lower-case letters, digits and underscores, such as sales")
	}
	if r.Days < 1 || r.Days > MaxDays {
		wrong("days", fmt.Sprintf("%d days", r.Days), fmt.Sprintf("use 1 to %d", MaxDays))
	}
	if strings.TrimSpace(r.Reason) == "" || len(r.Reason) > schema.MaxReason {
		wrong("reason", "it is missing or too long", "say who asked for it and what for")
	}
	if len(r.Addresses) == 0 {
		wrong("addresses", "they are missing", "name from where it may be used, such as 192.0.2.7 or 192.0.2.0/24")
	}
	var networks []netip.Prefix
	for _, text := range r.Addresses {
		network, err := netip.ParsePrefix(text)
		if one, single := netip.ParseAddr(text); single == nil {
			network, err = netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen()), nil
		}
		switch {
		case err != nil || network != network.Masked():
			wrong("addresses", fmt.Sprintf("%q is no network", text), "use forms such as 192.0.2.7 or 192.0.2.0/24")
		case network.Bits() < 8:
			wrong("addresses", fmt.Sprintf("%s is nearly everywhere", text), "name the networks of the BI tool")
		default:
			networks = append(networks, network)
		}
	}
	return networks, errors.Join(problems...)
}

// Grant makes a role. It is recorded first: what is recorded and not there does no harm, and what is there is always recorded.
func Grant(ctx context.Context, a Access, r Request) (Granted, error) {
	networks, err := r.check()
	if err != nil {
		return Granted{}, err
	}
	now := store.Moment(a.Now())
	g := Granted{Role: roleOf(a.Client, r.Name), Password: dbrole.NewPassword(), Until: now.Add(time.Duration(r.Days) * 24 * time.Hour).Truncate(time.Second), Addresses: r.Addresses}
	for _, t := range readable() {
		g.Tables = append(g.Tables, t.Name)
	}
	if a.Master.Unbound() {
		g.Notes = append(g.Notes, "PostgreSQL does not bind a role to addresses: let only these through the firewall or security group, over TLS: "+strings.Join(r.Addresses, ", "))
	}
	if err := ours(ctx, a, g.Role); err != nil {
		return Granted{}, err
	}
	reader := dbrole.Reader{Role: g.Role, Password: g.Password, Addresses: networks, Until: g.Until, Days: r.Days, Tables: readable()}
	err = a.Store.Tx(ctx, func(tx *ent.Tx) error {
		known, err := tx.BIGrant.Query().Where(bigrant.Role(g.Role)).Only(ctx)
		switch {
		case err == nil && known.RevokedAt == nil:
			return fault.Clash(fmt.Sprintf("access %s is there already", r.Name), "revoke it first, or choose another name")
		case err == nil:
			if err := tx.BIGrant.DeleteOne(known).Exec(ctx); err != nil { // its history is in the audit log
				return fmt.Errorf("record the access: %w", err)
			}
		case !ent.IsNotFound(err):
			return fmt.Errorf("look for the access: %w", err)
		}
		if err := tx.BIGrant.Create().SetRole(g.Role).SetAddresses(r.Addresses).SetReason(r.Reason).SetCreatedByName(r.By).SetCreatedAt(now).SetExpiresAt(g.Until).Exec(ctx); err != nil {
			return fmt.Errorf("record the access: %w", err)
		}
		return audit.Append(ctx, tx, audit.Entry{At: now, ActorKind: audit.System, ActorName: r.By, Action: "bi.granted", Target: "database access " + g.Role, Detail: map[string]string{
			"reason": r.Reason, "until": g.Until.Format(time.RFC3339), "addresses": strings.Join(r.Addresses, " "), "tables": strings.Join(g.Tables, " "),
		}})
	})
	if err != nil {
		return Granted{}, err
	}
	if err := dbrole.Grant(ctx, a.Master, a.Owner, reader); err != nil {
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		return Granted{}, errors.Join(err, revoke(late, a, g.Role, r.By, "it could not be made"))
	}
	return g, nil
}

// ours refuses a role that the server has and this record does not: taking back what could not be made would remove somebody else's.
func ours(ctx context.Context, a Access, role string) error {
	there, err := a.Master.Roles(ctx, []string{role})
	if err != nil || len(there) == 0 {
		return err
	}
	known, err := a.Store.Client().BIGrant.Query().Where(bigrant.Role(role)).Exist(ctx)
	if err != nil {
		return store.Translate(fmt.Errorf("look for the access: %w", err))
	}
	if !known {
		return fault.Clash("the database's server has a role "+role+" that is not recorded here", "choose another name, or remove it there")
	}
	return nil
}

// Role is an access as it is recorded.
type Role struct {
	Role      string     `json:"role"`
	State     string     `json:"state"` // open, over, revoked
	Addresses []string   `json:"addresses"`
	Reason    string     `json:"reason"`
	By        string     `json:"by"`
	From      time.Time  `json:"from"`
	Until     time.Time  `json:"until"`
	Revoked   *time.Time `json:"revoked,omitempty"`
	Problem   string     `json:"problem,omitempty"`
}

// List gives all that are recorded, the newest first.
func List(ctx context.Context, s *store.Store, now time.Time) ([]Role, error) {
	rows, err := s.Client().BIGrant.Query().Order(ent.Desc(bigrant.FieldCreatedAt)).All(ctx)
	if err != nil {
		return nil, store.Translate(fmt.Errorf("list the accesses: %w", err))
	}
	all := make([]Role, len(rows))
	for i, row := range rows {
		all[i] = Role{row.Role, "open", row.Addresses, row.Reason, row.CreatedByName, row.CreatedAt, row.ExpiresAt, row.RevokedAt, row.LastError}
		switch {
		case row.RevokedAt != nil:
			all[i].State = "revoked"
		case !row.ExpiresAt.After(now):
			all[i].State = "over"
		}
	}
	return all, nil
}

// Revoke ends an access at once, open sessions too. name is what it was asked for by, or the role's.
func Revoke(ctx context.Context, a Access, name, by, reason string) error {
	role := name
	if !strings.HasPrefix(name, "bi_") {
		role = roleOf(a.Client, name)
	}
	there, err := a.Store.Client().BIGrant.Query().Where(bigrant.Role(role)).Exist(ctx)
	if err != nil {
		return store.Translate(fmt.Errorf("look for the access: %w", err))
	}
	if !there {
		return fault.Missing("database access")
	}
	return revoke(ctx, a, role, by, reason)
}

func revoke(ctx context.Context, a Access, role, by, reason string) error {
	if err := dbrole.Revoke(ctx, a.Master, a.Owner, role); err != nil {
		text := []rune(err.Error())
		noted := a.Store.Client().BIGrant.Update().Where(bigrant.Role(role)).SetLastError(string(text[:min(len(text), schema.MaxReason)])).Exec(ctx)
		return errors.Join(err, store.Translate(noted))
	}
	now := store.Moment(a.Now())
	return a.Store.Tx(ctx, func(tx *ent.Tx) error {
		n, err := tx.BIGrant.Update().Where(bigrant.Role(role), bigrant.RevokedAtIsNil()).SetRevokedAt(now).SetLastError("").Save(ctx)
		if err != nil || n == 0 {
			return err
		}
		return audit.Append(ctx, tx, audit.Entry{At: now, ActorKind: audit.System, ActorName: by, Action: "bi.revoked", Target: "database access " + role, Detail: map[string]string{"reason": reason}})
	})
}

// Expire revokes what is over. PostgreSQL lets nobody sign in any more by itself, but sessions go on; MySQL knows no such time.
func Expire(ctx context.Context, a Access, by string) ([]string, error) {
	over, err := Over(ctx, a.Store, a.Now())
	if err != nil {
		return nil, err
	}
	var done []string
	var problems []error
	for _, role := range over {
		if err := revoke(ctx, a, role, by, "its time is over"); err != nil {
			problems = append(problems, err)
			continue
		}
		done = append(done, role)
	}
	return slices.Clip(done), errors.Join(problems...)
}

// Over are the roles whose time is over and that are not revoked yet.
func Over(ctx context.Context, s *store.Store, now time.Time) ([]string, error) {
	rows, err := s.Client().BIGrant.Query().Where(bigrant.RevokedAtIsNil(), bigrant.ExpiresAtLTE(store.Moment(now))).All(ctx)
	if err != nil {
		return nil, store.Translate(fmt.Errorf("look for accesses that are over: %w", err))
	}
	roles := make([]string, len(rows))
	for i, row := range rows {
		roles[i] = row.Role
	}
	return roles, nil
}
