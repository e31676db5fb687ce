package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/berth-iac/berth/fleet/stackfile"
	"github.com/berth-iac/berth/spec"
)

// Draft is a new client's stack before it is written.
type Draft struct {
	Stack string
	Spec  *spec.Spec
	File  stackfile.File // without secrets
	Notes []string       // what was decided without being asked, in sentences
}

var stackName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$`)

// Missing are the questions that have neither an answer nor a default, and those that are asked although they have one.
func (f *Fleet) Missing(a Answers) []Question {
	kind := spec.Kind(a["kind"])
	tree, full, _, err := f.tree(a)
	if err != nil {
		return nil
	}
	var open []Question
	for _, q := range Questions(kind) {
		if a[q.Key] != "" || !q.Applies(a) {
			continue
		}
		if _, answered := a[q.Key]; answered && q.Optional {
			continue
		}
		found := q.Path != "" && at(tree, q.Path) != nil && full[q.Key] == "" // taken over from another stack
		switch {
		case found, !q.Asked && q.Optional:
		case q.Asked, full[q.Key] == "":
			open = append(open, q)
		}
	}
	return open
}

// Make makes the stack. The error is spec.Problems where answers are wrong: all of them at once, with paths that About knows.
func (f *Fleet) Make(a Answers) (*Draft, error) {
	kind := spec.Kind(a["kind"])
	tree, full, notes, err := f.tree(a)
	if err != nil {
		return nil, err
	}
	stack := cmp.Or(a["stack"], a["name"])
	var problems spec.Problems
	if !stackName.MatchString(stack) && a["stack"] != "" { // what is wrong with the client's name is said there
		problems = append(problems, spec.Problem{Path: "stack", Value: strconv.Quote(stack), Expected: "letters, digits, hyphens and underscores", Fix: "choose another"})
	}
	if kind == spec.KindSiteClient && tree["pair"] == nil {
		problems = append(problems, spec.Problem{Path: "pair", Value: strconv.Quote(full["pair"]), Expected: "a pair of sites of this fleet", Fix: f.pairFix(full["pair"])})
	}
	if zone := full["zone"]; zone != "" && at(tree, "edge.zone") != nil {
		for _, k := range f.stacks {
			if at(k.tree, "edge.zone") == zone {
				set(tree, "edge.manageZone", false)
				notes = append(notes, fmt.Sprintf("the settings of zone %s stay with stack %s: one stack owns them", zone, k.name))
				break
			}
		}
	}
	file := stackfile.File{Kind: kind, Spec: tree, Comments: true}
	text, err := stackfile.Render(file)
	if err != nil {
		return nil, err
	}
	s, err := spec.DecodeFile("Pulumi."+stack+".yaml", text, spec.Options{Now: f.Now})
	if err != nil {
		all, ok := err.(spec.Problems) //nolint:errorlint // DecodeFile says that it is nothing else
		if !ok {
			return nil, err
		}
		for i := range all { // there is no file yet whose lines would help
			all[i].File, all[i].Line = "", 0
		}
		return nil, append(problems, all...)
	}
	if problems = append(problems, f.conflicts(stack, s)...); len(problems) > 0 {
		return nil, problems
	}
	return &Draft{Stack: stack, Spec: s, File: file, Notes: notes}, nil
}

func (f *Fleet) pairFix(pair string) string {
	var names []string
	for _, p := range f.Pairs() {
		names = append(names, p.Value)
	}
	switch {
	case len(names) == 0:
		return "make a pair first: a stack of kind sites"
	case slices.Contains(names, pair):
		return "its machines are made and their addresses are known once it is up: write pair from `berth outputs` of its stack by hand"
	}
	return "choose one of " + strings.Join(names, ", ")
}

// tree is the description as far as it is answered or known, with the answers and the defaults that it was made of.
func (f *Fleet) tree(a Answers) (tree stackfile.Tree, full Answers, notes []string, err error) {
	kind := spec.Kind(a["kind"])
	if !slices.Contains(Kinds, kind) {
		return nil, nil, nil, fmt.Errorf("kind is %q; it is awsclient, lightclient, siteclient or onpremises", a["kind"])
	}
	tree = stackfile.Tree{"kind": string(kind)}
	if notes, err = f.inherit(kind, a["like"], tree); err != nil {
		return nil, nil, nil, err
	}
	full = Answers{}
	for key, value := range a {
		full[key] = value
	}
	for _, q := range Questions(kind) {
		if !q.Applies(full) || q.Path != "" && at(tree, q.Path) != nil && full[q.Key] == "" {
			continue
		}
		if full[q.Key] == "" {
			if full[q.Key] = f.Default(q, full, kind); full[q.Key] != "" && q.Key == "cidr" {
				notes = append(notes, "the range "+full[q.Key]+" is free among the fleet's files")
			}
		}
		if err := fill(tree, q, full[q.Key]); err != nil {
			return nil, nil, nil, err
		}
	}
	switch kind {
	case spec.KindSiteClient:
		f.place(tree, full)
	case spec.KindAWSClient:
		switch {
		case !production(full):
			set(tree, "backup.secondRegion", "none")
		case at(tree, "backup.secondRegion") != nil && at(tree, "backup.secondRegion") != "none": // a copy's
		case full["residency"] == string(spec.EuropeanUnion):
			set(tree, "backup.secondRegion", "eu-central-1")
			notes = append(notes, "copies go to Frankfurt, inside the European Union")
		}
	}
	if kind == spec.KindAWSClient && !production(full) {
		if alerts, ok := tree["alerts"].(stackfile.Tree); ok && alerts["slack"] != nil {
			notes = append(notes, "its alerts go where those of production go")
		}
	}
	return tree, full, notes, nil
}

// place puts a client on its pair.
func (f *Fleet) place(tree stackfile.Tree, a Answers) {
	sites := f.sitesOf(a["pair"])
	if len(sites) != 2 {
		return
	}
	home, standby := sites[0], sites[1]
	if a["home"] == standby["name"] {
		home, standby = standby, home
	}
	third := ""
	for _, k := range f.stacks {
		switch {
		case k.spec == nil:
		case k.spec.Sites != nil && k.spec.Sites.Name == a["pair"] && k.spec.Sites.Backup.ThirdPlace != nil:
			third = k.spec.Sites.Backup.ThirdPlace.Country
		case k.spec.SiteClient != nil && k.spec.SiteClient.Pair.Name == a["pair"] && third == "":
			third = k.spec.SiteClient.Pair.ThirdPlace
		}
	}
	tree["pair"] = stackfile.Tree{"name": a["pair"], "home": home, "standby": standby, "thirdPlace": third}
	countries := []any{home["country"], standby["country"]}
	if home["country"] == standby["country"] {
		countries = countries[:1]
	}
	if tree["countries"] == nil {
		tree["countries"] = countries
	}
}

// fill puts an answer where it belongs.
func fill(tree stackfile.Tree, q Question, answer string) error {
	if q.Path == "" || answer == "" {
		return nil
	}
	switch q.Form {
	case List:
		var parts []any
		for part := range strings.SplitSeq(answer, ",") {
			if part = strings.TrimSpace(part); part != "" {
				parts = append(parts, part)
			}
		}
		set(tree, q.Path, parts)
	case Count:
		n, err := strconv.Atoi(answer)
		if err != nil {
			set(tree, q.Path, answer) // what is wrong with it is said with all other problems
			return nil                //nolint:nilerr // as above
		}
		set(tree, q.Path, n)
	case YesNo:
		yes, known := map[string]bool{"yes": true, "y": true, "true": true, "no": false, "n": false, "false": false}[strings.ToLower(answer)]
		switch {
		case !known:
			return fmt.Errorf("%s is %q; it is yes or no", q.Key, answer)
		case q.Path == "cache" || q.Path == "documents": // their being there says yes
			if yes {
				set(tree, q.Path, stackfile.Tree{})
			}
		default:
			set(tree, q.Path, yes)
		}
	case Text:
		set(tree, q.Path, answer)
	}
	return nil
}

// firstOf is the index of the first in a list, as paths write it.
const firstOf = "[0]"

// set puts a value at a path such as client.contacts[0].name. What is on the way is copied: it may be another stack's.
func set(tree stackfile.Tree, path string, value any) {
	first, rest, deeper := strings.Cut(path, ".")
	key := strings.TrimSuffix(first, firstOf)
	if !deeper {
		tree[key] = value
		return
	}
	var below stackfile.Tree
	list, isList := tree[key].([]any)
	if isList && len(list) > 0 {
		below, _ = list[0].(stackfile.Tree)
	} else {
		below, _ = tree[key].(stackfile.Tree)
	}
	next := stackfile.Tree{}
	for k, v := range below {
		next[k] = v
	}
	set(next, rest, value)
	switch {
	case isList && len(list) > 0:
		list = slices.Clone(list)
		list[0] = next
		tree[key] = list
	case strings.HasSuffix(first, firstOf):
		tree[key] = []any{next}
	default:
		tree[key] = next
	}
}

// at is the value at a path; nil: there is none.
func at(tree stackfile.Tree, path string) any {
	first, rest, deeper := strings.Cut(path, ".")
	value := tree[strings.TrimSuffix(first, firstOf)]
	if list, ok := value.([]any); ok && strings.HasSuffix(first, firstOf) {
		if len(list) == 0 {
			return nil
		}
		value = list[0]
	}
	if !deeper {
		return value
	}
	below, _ := value.(stackfile.Tree)
	if below == nil {
		return nil
	}
	return at(below, rest)
}
