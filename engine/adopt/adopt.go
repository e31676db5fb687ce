package adopt

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/engine"
)

// Account is what is asked of one AWS account, in the region and with the credentials of one provider.
type Account interface {
	// Identity says which account and region it is.
	Identity(ctx context.Context) (Identity, error)
	// EC2Tagged are the ids of EC2's objects that carry all of the tags.
	EC2Tagged(ctx context.Context, tags map[string]string) ([]string, error)
	// Tagged are the ARNs of a service's objects that carry all of the tags.
	Tagged(ctx context.Context, service string, tags map[string]string) ([]string, error)
	// RevokeDefaultEgress takes the rules from a security group that AWS gives every new one, and tells whether there were any.
	RevokeDefaultEgress(ctx context.Context, group string) (bool, error)
}

// Identity is what an account's ARNs are made of.
type Identity struct{ Number, Partition, Region string }

// Options say how to look.
type Options struct {
	// Open opens the account that a provider with these inputs works on.
	Open func(ctx context.Context, provider map[string]any) (Account, error)
}

// Finder is an engine.Finder for the clouds that berth's stacks use.
type Finder struct {
	options  Options
	rows     map[string]*row
	accounts map[string]*opened // by the provider's inputs
}

type opened struct {
	Account
	Identity
	err error
}

// New makes a Finder.
func New(options Options) (*Finder, error) {
	rows, err := read()
	if err != nil {
		return nil, err
	}
	return &Finder{options: options, rows: rows, accounts: map[string]*opened{}}, nil
}

// Find names candidates.
func (f *Finder) Find(ctx context.Context, pending []engine.Pending) ([]engine.Finding, error) {
	findings := make([]engine.Finding, len(pending))
	for i, p := range pending {
		findings[i] = f.find(ctx, p)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return findings, nil
}

func unknown(format string, args ...any) engine.Finding {
	return engine.Finding{Verdict: engine.Unknown, Why: fmt.Sprintf(format, args...)}
}

func (f *Finder) find(ctx context.Context, p engine.Pending) engine.Finding {
	r := f.rows[p.Type]
	switch {
	case r == nil:
		return unknown("berth knows no way to look for a %s", p.Type)
	case r.Person != "":
		return unknown("%s", r.Person)
	case r.Repeat != "":
		for _, name := range r.Needs {
			if text(p.Inputs[name]) == "" {
				return unknown("the program gives no %s, so that creating once more may make a second one", name)
			}
		}
		return engine.Finding{Verdict: engine.Repeat}
	}
	for name, want := range r.Only {
		if got := text(p.Inputs[name]); got != want {
			return unknown("how its id is made is known for %s %s, not for %q", name, want, got)
		}
	}
	if !strings.HasPrefix(p.Type, "aws:") {
		return candidate(r.ID, &opened{}, p, nil) // no other cloud's ids hold an account
	}
	account, err := f.account(ctx, p)
	if err != nil {
		return unknown("its account cannot be asked: %v", err)
	}
	if r.EC2 == "" && r.ARN == "" {
		return candidate(r.ID, account, p, nil)
	}
	return f.search(ctx, r, account, p)
}

func candidate(template string, account *opened, p engine.Pending, groups []string) engine.Finding {
	id, missing := fill(template, func(name string) string {
		if n, err := strconv.Atoi(name); err == nil && n < len(groups) {
			return groups[n]
		}
		switch name {
		case "account":
			return account.Number
		case "partition":
			return account.Partition
		case "region":
			return account.Region
		}
		return text(p.Inputs[name])
	})
	if missing != "" {
		return unknown("its id follows from %s, which the program does not give", missing)
	}
	return engine.Finding{Verdict: engine.Candidate, ID: id}
}

// search looks for the one object with all the tags that the program gave.
func (f *Finder) search(ctx context.Context, r *row, account *opened, p engine.Pending) engine.Finding {
	tags := tagsOf(p)
	if len(tags) < 2 || tags["Name"] == "" { // the stack's tags alone are those of many
		return unknown("AWS makes its id up, and without a tag Name beside the stack's tags it cannot be told from others")
	}
	var found []engine.Finding
	if r.EC2 != "" {
		ids, err := account.EC2Tagged(ctx, tags)
		if err != nil {
			return unknown("EC2 cannot be asked for its tags: %v", err)
		}
		for _, id := range ids {
			if strings.HasPrefix(id, r.EC2) {
				found = append(found, engine.Finding{Verdict: engine.Candidate, ID: id})
			}
		}
	} else {
		arns, err := account.Tagged(ctx, r.Service, tags)
		if err != nil {
			return unknown("%s cannot be asked for its tags: %v", r.Service, err)
		}
		for _, arn := range arns {
			groups := r.arn.FindStringSubmatch(arn)
			if groups == nil {
				continue
			}
			template := r.ID
			if template == "" {
				template = "{1}"
			}
			found = append(found, candidate(template, account, p, groups))
		}
	}
	found = slices.DeleteFunc(found, func(one engine.Finding) bool {
		first, _, _ := strings.Cut(one.ID, "/") // a web ACL's import id begins with its id
		return slices.Contains(p.Known, one.ID) || slices.Contains(p.Known, first)
	})
	switch len(found) {
	case 0:
		return engine.Finding{Verdict: engine.Absent}
	case 1:
		return found[0]
	}
	var ids []string
	for _, one := range found {
		ids = append(ids, one.ID)
	}
	slices.Sort(ids)
	return unknown("several carry its tags: %s", strings.Join(ids, ", "))
}

// tagsOf are the tags that the object gets: the provider's and the resource's own.
func tagsOf(p engine.Pending) map[string]string {
	tags := map[string]string{}
	if defaults, ok := structure(p.Provider["defaultTags"]).(map[string]any); ok {
		add(tags, defaults["tags"])
	}
	add(tags, p.Inputs["tags"])
	return tags
}

// add adds tags that are given as a map, or as a list of keys and values.
func add(tags map[string]string, value any) {
	switch value := value.(type) {
	case map[string]any:
		for k, v := range value {
			if !strings.HasPrefix(k, "__") { // the provider bridge's own
				tags[k] = text(v)
			}
		}
	case []any:
		for _, one := range value {
			if tag, ok := one.(map[string]any); ok {
				tags[text(tag["key"])] = text(tag["value"])
			}
		}
	}
}

// Judge tells whether what a provider read is the stack's own.
func (f *Finder) Judge(p engine.Pending, read map[string]any) engine.Finding {
	r := f.rows[p.Type]
	if r == nil {
		return unknown("berth knows no way to tell whose a %s is", p.Type)
	}
	for _, name := range r.Same {
		if want, got := text(p.Inputs[name]), text(read[name]); want != "" && want != got {
			return unknown("there is one, with the %s %q where the program asks for %q: it may be somebody else's", name, got, want)
		}
	}
	if why := foreign(r, p, read); why != "" {
		return unknown("%s", why)
	}
	for _, names := range slices.Sorted(maps.Keys(r.Finished)) {
		if why := unfinished(names, r.Finished[names], read); why != "" {
			return engine.Finding{Verdict: engine.Unfinished, Why: why}
		}
	}
	return engine.Finding{Verdict: engine.Ours}
}

// foreign says by its tags why an object may be somebody else's, or nothing.
func foreign(r *row, p engine.Pending, read map[string]any) string {
	_, asked := p.Inputs["tags"]
	_, all := read["tagsAll"]
	if !asked && !all {
		return "" // of a type without tags
	}
	wanted, has := tagsOf(p), map[string]string{}
	add(has, read["tags"])
	add(has, read["tagsAll"])
	same := 0
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		got, ok := has[key]
		if ok && got != wanted[key] {
			return fmt.Sprintf("there is one, with the tag %s=%q where the program asks for %q: it is somebody else's", key, got, wanted[key])
		}
		if ok {
			same++
		}
	}
	if same == 0 && len(wanted) > 0 && (r.Untagged == "" || len(has) > 0) {
		return "there is one, without the stack's tags: it may be somebody else's"
	}
	return ""
}

// unfinished says what is missing until an object is finished, or nothing.
func unfinished(names string, values []string, read map[string]any) string {
	got := ""
	for name := range strings.SplitSeq(names, "|") {
		if got = text(read[name]); got != "" {
			break
		}
	}
	if slices.Contains(values, got) || got != "" && slices.Contains(values, "present") {
		return ""
	}
	return fmt.Sprintf("it is there, and its cloud has not finished it: %s is %q", names, got)
}

// Gone tells whether a provider's error says that there is no such object.
func (f *Finder) Gone(p engine.Pending, message string) bool {
	if strings.Contains(message, "Cannot import non-existent remote object") {
		return true
	}
	r := f.rows[p.Type]
	return r != nil && r.gone != nil && r.gone.MatchString(message)
}

// Finish revokes a new security group's rule that lets everything out, as its provider does right after creating
// it. No rule of the stack's can be on a group whose id nobody knew.
func (f *Finder) Finish(ctx context.Context, p engine.Pending, id string) (string, error) {
	if r := f.rows[p.Type]; r == nil || r.Finish == "" {
		return "", nil
	}
	account, err := f.account(ctx, p)
	if err != nil {
		return "", err
	}
	revoked, err := account.RevokeDefaultEgress(ctx, id)
	if err != nil || !revoked {
		return "", err
	}
	return "AWS's own rule, which lets everything out, was taken from the new security group", nil
}

// account opens the account of a creation's provider, once.
func (f *Finder) account(ctx context.Context, p engine.Pending) (*opened, error) {
	if !strings.HasPrefix(p.Type, "aws:") {
		return &opened{}, nil
	}
	key := fmt.Sprint(p.Provider) // maps print in the order of their keys
	if known, ok := f.accounts[key]; ok {
		return known, known.err
	}
	o := &opened{}
	f.accounts[key] = o
	o.err = f.open(ctx, o, p.Provider)
	return o, o.err
}

func (f *Finder) open(ctx context.Context, o *opened, provider map[string]any) (err error) {
	if f.options.Open == nil {
		return errors.New("berth was given no way to reach AWS")
	}
	if o.Account, err = f.options.Open(ctx, provider); err != nil {
		return err
	}
	if o.Identity, err = o.Account.Identity(ctx); err != nil {
		return err
	}
	allowed, ok := structure(provider["allowedAccountIds"]).([]any)
	if ok && len(allowed) > 0 && !slices.ContainsFunc(allowed, func(one any) bool { return text(one) == o.Number }) {
		return fmt.Errorf("the credentials are those of account %s, and the provider is for %v", o.Number, allowed)
	}
	return nil
}
