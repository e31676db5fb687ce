package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
)

type explainOptions struct {
	stack string
	list  bool
}

func newExplain(env Env, g *global) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain [flags] <promise>",
		Short: "Say everything that is known of one promise",
		Long: `Explain prints a promise to clients, or a control of the baseline: its sentence,
whose duty it is in each kind of hosting, its parameters, how it is to be shown
and how far it is. With --stack it is judged on that stack's resource graph, with
everything that was looked at. No cloud and no Pulumi is needed.`,
		Example: "  berth explain AV-3 --stack prod\n  berth explain AC-11\n  berth explain RDS.3 --stack prod --output json\n  berth explain --list",
		Args: func(cmd *cobra.Command, args []string) error {
			if o.list && len(args) > 0 {
				return usage("%s --list takes no promise", cmd.CommandPath())
			}
			if !o.list && len(args) != 1 {
				return usage("%s needs the ID of one promise, such as AV-3; --list prints them all", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return env.ids(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.list {
				return runExplainList(env, g)
			}
			return runExplain(cmd.Context(), env, g, o, args[0])
		},
	}
	cmd.Flags().StringVar(&o.stack, "stack", "", "judge the promise on the `stack`'s resource graph")
	cmd.Flags().BoolVar(&o.list, "list", false, "list all promises and controls")
	_ = cmd.RegisterFlagCompletionFunc("stack", g.completeStacks) // fails only for a flag that does not exist
	return cmd
}

// ids are the IDs of all promises and controls.
func (e Env) ids() []string {
	var ids []string
	for _, p := range e.Promises {
		ids = append(ids, p.ID)
	}
	for _, c := range e.Controls {
		ids = append(ids, c.ID)
	}
	return ids
}

// listed is one line of the list.
type listed struct {
	ID    string         `json:"id"`
	Kind  string         `json:"kind"` // promise or control
	Group string         `json:"group"`
	Title string         `json:"title"`
	Shown promises.Level `json:"shown"` // the strongest level at which a proof exists
}

func runExplainList(env Env, g *global) error {
	all := []listed{}
	for _, p := range env.Promises {
		all = append(all, listed{p.ID, "promise", catalogue.Group(p.ID), p.Title, p.Shown()})
	}
	for _, c := range env.Controls {
		all = append(all, listed{c.ID, "control", "Baseline", c.Title, promises.Design})
	}
	if g.output == "json" {
		return printJSON(env, all)
	}
	rows := make([]show.ListRow, len(all))
	for i, l := range all {
		rows[i] = show.ListRow{Group: l.Group, ID: l.ID, Title: l.Title, Note: string(l.Shown)}
	}
	show.List(env.Out, g.style(env), rows)
	return nil
}

// explained is everything that is known of a promise or control.
type explained struct {
	ID         string                             `json:"id"`
	Kind       string                             `json:"kind"` // promise or control
	Group      string                             `json:"group"`
	Title      string                             `json:"title"`
	Sentence   string                             `json:"sentence,omitempty"`
	Duties     map[promises.Hosting]promises.Duty `json:"duties,omitempty"`
	Parameters []promises.Parameter               `json:"parameters"`
	Proofs     []explainedProof                   `json:"proofs"`
	References []string                           `json:"references,omitempty"`
	Severity   string                             `json:"severity,omitempty"`
	Stack      string                             `json:"stack,omitempty"`
	Standing   *promises.Result                   `json:"standing,omitempty"`
	Subject    string                             `json:"subject,omitempty"` // what was judged
}

type explainedProof struct {
	Level  promises.Level `json:"level"`
	How    string         `json:"how"`
	Exists bool           `json:"exists"`
	// For are the kinds of hosting that the proof exists for today, where it does not for all that the promise is made for.
	For []promises.Hosting `json:"for,omitempty"`
}

// existsFor are the kinds of hosting for which a proof at a level exists; nil where it does for all, or for none.
func existsFor(p promises.Promise, l promises.Level) []promises.Hosting {
	var kinds []promises.Hosting
	all := true
	for _, h := range hostings {
		switch {
		case p.ExistsFor(h, l):
			kinds = append(kinds, h)
		case h != promises.Service && p.Offered(h): // the service is looked at wherever it is hosted
			all = false
		}
	}
	if all {
		return nil
	}
	return kinds
}

// hostings are all kinds, in the order in which they are shown.
var hostings = []promises.Hosting{promises.OnAWS, promises.OnLightsail, promises.OnSites, promises.OnPremises, promises.Organisation, promises.Service}

func runExplain(ctx context.Context, env Env, g *global, o explainOptions, id string) error {
	e, err := env.find(id)
	if err != nil {
		return err
	}
	var read *spec.Spec
	if o.stack != "" {
		if read, err = readSpec(env, g, o.stack); err != nil {
			return err
		}
		judged, err := env.Assess(ctx, o.stack, read, env.Now())
		if err != nil {
			return err
		}
		err = beneath(o.stack, read, judged.Assessment, pairs{pairFinder(env, g), func(pair string) (*promises.Assessment, error) {
			sites, err := readSpec(env, g, pair)
			if err != nil {
				return nil, err
			}
			below, err := env.Assess(ctx, pair, sites, env.Now())
			if err != nil {
				return nil, err
			}
			return below.Assessment, nil
		}})
		if err != nil {
			return err
		}
		result, applies := judged.Assessment.Result(e.ID)
		if !applies {
			result = promises.Result{ID: e.ID, Title: e.Title, Verdict: promises.NotApplicable, Findings: []promises.Finding{},
				Why: "it is not made for this kind of stack"}
		}
		e.Stack, e.Standing = o.stack, &result
		e.Subject = fmt.Sprintf("the resource graph that Pulumi.%s.yaml describes, %d resources; no cloud was asked", o.stack, len(judged.Graph.Clouds()))
		for _, pair := range result.From {
			e.Subject += "; and that of Pulumi." + pair + ".yaml, the pair of sites that it stands on"
		}
	}
	hosting := promises.Hosting("")
	if read != nil {
		hosting = promises.Subject{Spec: read}.Hosting()
	}
	for _, p := range env.Promises {
		if p.ID == e.ID && p.Parameters != nil {
			e.Parameters = append(e.Parameters, p.Parameters(hosting, read)...)
		}
	}
	if g.output == "json" {
		return printJSON(env, e)
	}
	show.Explanation(env.Out, g.style(env), e.page())
	return nil
}

// find is a promise or control by its ID, in whatever letters it is written.
func (e Env) find(id string) (explained, error) {
	for _, p := range e.Promises {
		if strings.EqualFold(p.ID, id) {
			out := explained{ID: p.ID, Kind: "promise", Group: catalogue.Group(p.ID), Title: p.Title, Sentence: p.Sentence,
				Duties: p.Duties, Parameters: []promises.Parameter{}, Proofs: []explainedProof{}}
			for _, proof := range p.Proofs {
				out.Proofs = append(out.Proofs, explainedProof{proof.Level, proof.How, p.Exists(proof.Level), existsFor(p, proof.Level)})
			}
			return out, nil
		}
	}
	for _, c := range e.Controls {
		if strings.EqualFold(c.ID, id) {
			return explained{ID: c.ID, Kind: "control", Group: "Baseline", Title: c.Title, References: c.References, Severity: c.Severity,
				Parameters: []promises.Parameter{}, Proofs: []explainedProof{{Level: promises.Design, How: "the resource graph is checked before every change", Exists: true}}}, nil
		}
	}
	near, distance := "", 3
	for _, known := range e.ids() {
		if d := levenshtein.ComputeDistance(strings.ToUpper(id), strings.ToUpper(known)); d < distance {
			near, distance = known, d
		}
	}
	if near != "" {
		return explained{}, usage("there is no promise or control %q; did you mean %s? `berth explain --list` lists them", id, near)
	}
	return explained{}, usage("there is no promise or control %q; `berth explain --list` lists them", id)
}

// page is the explanation as it is shown.
func (e explained) page() show.Page {
	p := show.Page{Title: e.ID + "  " + e.Title, Text: e.Sentence}
	if len(e.References) > 0 {
		p.Add("Asked for by", strings.Join(e.References, "; ")+" (severity "+e.Severity+")")
	}
	for _, h := range hostings {
		switch e.Duties[h] {
		case promises.Ours:
			p.Add("Kept by us", h.Title())
		case promises.Shared:
			p.Add("Kept together", h.Title())
		case promises.Clients:
			p.Add("Kept by the client", h.Title())
		}
	}
	for _, parameter := range e.Parameters {
		note := parameter.Value
		if parameter.Key != "" {
			note += "  (" + parameter.Key + ")"
		}
		p.Add(parameter.Name, note)
	}
	for _, proof := range e.Proofs {
		state := "to come: "
		if proof.Exists {
			state = "exists: "
		}
		if proof.Exists && len(proof.For) > 0 {
			titles := make([]string, len(proof.For))
			for i, h := range proof.For {
				titles[i] = h.Title()
			}
			state = "exists for " + strings.Join(titles, ", ") + ": "
		}
		p.Add("Proof, "+string(proof.Level), state+proof.How)
	}
	if e.Standing != nil {
		p.Standing = e.Standing
		p.Add("Judged on", e.Subject)
	}
	return p
}
