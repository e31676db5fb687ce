package command

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strings"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/live"
	"github.com/spf13/cobra"
)

// roleType and roleName are how the role that reads back is found in a stack's state.
const (
	roleType = "aws:iam/role:Role"
	roleName = "berth-verify"
	noRole   = "none"
)

type verifyStackOptions struct {
	evidenceOptions
	role string
}

func newVerify(env Env, g *global) *cobra.Command {
	var o verifyStackOptions
	cmd := &cobra.Command{
		Use:   "verify [flags] <stack>",
		Short: "Read the running account back, and raise the evidence from design to live",
		Long: `Verify asks the stack's AWS account itself, and the site from outside, whether
what was promised holds: never the state. It writes signed evidence as
` + "`berth evidence`" + ` does, in which each promise that was read back counts as shown
live, with the date, for 7 days. What could not be read, or is too young to
tell, keeps the level that it had, and is named.

Stacks of kinds awsclient and organisation are read back; of the others, berth
refresh compares what lies on their machines.

Only reading calls are sent. With the usual AWS settings (AWS_PROFILE,
AWS_ENDPOINT_URL and so on) it signs in as the stack's role berth-verify where
the stack has one (aws.verifiers in its file), or as --role says.

With --strict the exit code is 6 when a promise is broken.`,
		Example: "  berth verify prod\n  AWS_PROFILE=acme berth verify prod --role none --strict\n" +
			"  berth verify prod --role arn:aws:iam::123456789012:role/auditor --output json",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runVerify(cmd.Context(), env, g, o)
		},
	}
	strictFlag(cmd.Flags(), &o.strict)
	cmd.Flags().StringVar(&o.role, "role", "", "`arn` of the role to sign in as; none: the credentials as they are (default: the stack's berth-verify)")
	cmd.Flags().StringVar(&o.out, "out", "", "write into `folder` (default .berth/evidence/<stack>)")
	cmd.Flags().StringVar(&o.key, "key", "", "sign with the private key in `file` (default .berth/evidence.key)")
	return cmd
}

func runVerify(ctx context.Context, env Env, g *global, o verifyStackOptions) error {
	if o.role != "" && o.role != noRole && !strings.HasPrefix(o.role, "arn:") {
		return usage("--role is %q; it is a role's ARN, such as arn:aws:iam::123456789012:role/berth-verify, or none", o.role)
	}
	key, keyFile, err := signingKey(env, g, o.key)
	if err != nil {
		return err
	}
	public := key.Public().(ed25519.PublicKey)
	doc, err := makeEvidence(ctx, env, g, o.target, o.stack, public, func(ctx context.Context, in *evidence.Input) error {
		if err := readable(o.stack, in.Subject); err != nil {
			return err
		}
		if in.Source.Kind == evidence.FromProgram {
			return fmt.Errorf("nothing of stack %s is deployed yet, so there is nothing to read back: run `berth up %[1]s` first", o.stack)
		}
		return readBack(ctx, env, g, o, in, public)
	})
	if err != nil {
		return err
	}
	return o.write(env, g, doc, key, keyFile)
}

// readable refuses a stack of a kind that nothing reads back yet, and says what there is instead.
func readable(stack string, s promises.Subject) error {
	switch s.Hosting() {
	case promises.OnAWS, promises.Organisation:
		return nil
	}
	return usage("stack %s is of kind %s (%s): machines and Lightsail are not read back yet, only accounts of kinds awsclient and organisation; "+
		"`berth evidence %[1]s` judges what the stack describes, and `berth refresh %[1]s` compares files, packages and units on machines with it", stack, s.Spec.Kind, s.Hosting().Title())
}

// readBack adds what the account shows to the input of the evidence.
func readBack(ctx context.Context, env Env, g *global, o verifyStackOptions, in *evidence.Input, public ed25519.PublicKey) error {
	role := o.role
	switch role {
	case noRole:
		role = ""
	case "":
		for _, r := range in.Subject.Graph.OfType(roleType) {
			if r.Text("name") == roleName {
				role, _ = r.Outputs["arn"].(string) // what exists has one
			}
		}
	}
	progress := func(r live.Result) {
		if !g.quiet && env.Terminal {
			show.Look(env.Err, g.style(env), r)
		}
	}
	reading, err := env.ReadBack(ctx, in.Subject, role, progress)
	if err != nil {
		return err
	}
	unread := map[string]bool{}
	for _, r := range reading.Results {
		if r.Verdict == promises.NotShown {
			unread[r.ID] = true
			in.Assessment.Warnings = append(in.Assessment.Warnings, fmt.Sprintf("%s is not shown live: %s", r.ID, r.Why))
			continue
		}
		add(in, r.ID, evidence.Proof{Level: promises.Live, At: r.At, By: "Berth " + in.Release.Version + ", from account " + reading.Account + " as " + reading.Caller, Findings: r.Findings})
	}
	// What this reading does not tell anew, an earlier one may still tell.
	earlier := *in
	earlier.Proofs = nil
	if err := carryOver(&earlier, o.folder(g), public); err != nil {
		return err
	}
	for id, proofs := range earlier.Proofs {
		for _, proof := range proofs {
			if proof.Level != promises.Live || unread[id] {
				add(in, id, proof)
			}
		}
	}
	return nil
}
