package command

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/berth-iac/berth/cmd/berth/show"
	"github.com/berth-iac/berth/engine"
	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/graph"
	"github.com/berth-iac/berth/spec"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type evidenceOptions struct {
	target
	stack, out, key string
	strict          bool
}

func newEvidence(env Env, g *global) *cobra.Command {
	var o evidenceOptions
	cmd := &cobra.Command{
		Use:   "evidence [flags] <stack>",
		Short: "Write up how every promise stands, signed, for a client's auditor",
		Long: `Evidence judges what the stack's state says exists (or, before the first up, what
its file describes) by every promise and by the baseline of good practice, and
writes a folder: evidence.json with its signature and the public key, a page to
hand over (HTML), Markdown, CSV, OSCAL assessment results and OCSF compliance
findings. The signature is ed25519 over the bytes of evidence.json; openssl
checks it too. Without --key the key is .berth/evidence.key, made at first use.

Live proofs, which ` + "`berth verify`" + ` makes, are taken over from the evidence that
the folder holds, with their dates, when it is signed with the same key and is
about the same stack in the same account.

A client on a pair of sites stands on machines that the pair's own stack makes:
what that shows belongs to the client's evidence, where the folder has its file.

With --strict the exit code is 6 when a promise is broken.`,
		Example: "  berth evidence prod --local\n  berth evidence prod --out audit-2026-11 --key ~/keys/evidence.key\n" +
			"  berth evidence verify audit-2026-11/evidence.json --public-key evidence.pub",
		Args:              stackArg,
		ValidArgsFunction: g.completeStacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.stack = args[0]
			return runEvidence(cmd.Context(), env, g, o)
		},
	}
	o.localFlag(cmd.Flags())
	strictFlag(cmd.Flags(), &o.strict)
	cmd.Flags().StringVar(&o.out, "out", "", "write into `folder` (default .berth/evidence/<stack>)")
	cmd.Flags().StringVar(&o.key, "key", "", "sign with the private key in `file` (default .berth/evidence.key)")
	cmd.AddCommand(newEvidenceVerify(env, g), newEvidenceKeygen(env, g))
	return cmd
}

func strictFlag(flags *pflag.FlagSet, strict *bool) {
	flags.BoolVar(strict, "strict", false, "end with exit code 6 when a promise is broken, or was shown too long ago")
}

// brokenError says that evidence shows a broken promise, or one that was shown too long ago.
type brokenError struct{ msg string }

func (e *brokenError) Error() string { return e.msg }

func runEvidence(ctx context.Context, env Env, g *global, o evidenceOptions) error {
	key, keyFile, err := signingKey(env, g, o.key)
	if err != nil {
		return err
	}
	public := key.Public().(ed25519.PublicKey)
	folder := o.folder(g)
	doc, err := makeEvidence(ctx, env, g, o.target, o.stack, public, func(_ context.Context, in *evidence.Input) error {
		return carryOver(in, folder, public)
	})
	if err != nil {
		return err
	}
	return o.write(env, g, doc, key, keyFile)
}

// folder is where the evidence goes.
func (o evidenceOptions) folder(g *global) string {
	if o.out != "" {
		return o.out
	}
	return filepath.Join(g.root, ".berth", "evidence", o.stack)
}

// write writes the evidence in all its forms and prints how the promises stand.
func (o evidenceOptions) write(env Env, g *global, doc *evidence.Document, key ed25519.PrivateKey, keyFile string) error {
	folder := o.folder(g)
	files, err := writeEvidence(doc, key, folder)
	if err != nil {
		return err
	}
	if g.output == "json" {
		if err := printJSON(env, doc); err != nil {
			return err
		}
	} else {
		show.Evidence(env.Out, g.style(env), doc, doc.Made)
		_, _ = fmt.Fprintln(env.Out)
		for _, file := range files {
			show.Next(env.Out, g.style(env), filepath.Join(folder, file.name), file.purpose)
		}
		if !g.quiet {
			_, _ = fmt.Fprintf(env.Err, "signed with %s (%s)\n", keyFile, evidence.Fingerprint(doc.Signer).Short())
		}
	}
	return o.judged(doc, doc.Made)
}

// judged is the error of a strict command when something is broken or stale at a time.
func (o evidenceOptions) judged(doc *evidence.Document, now time.Time) error {
	return strictly(o.strict, doc, now)
}

func strictly(strict bool, doc *evidence.Document, now time.Time) error {
	counts := doc.At(now).Promises
	if !strict || counts.Broken == 0 && counts.Stale == 0 {
		return nil
	}
	return &brokenError{fmt.Sprintf("stack %s: %d promises are broken and %d were shown too long ago", doc.Subject.Stack, counts.Broken, counts.Stale)}
}

// makeEvidence judges a stack as its state has it, or as its program describes it where nothing exists yet. A client on a pair
// of sites is judged with what the pair's stack shows. add adds proofs that were made otherwise; it may be nil.
func makeEvidence(ctx context.Context, env Env, g *global, t target, name string, signer ed25519.PublicKey,
	add func(context.Context, *evidence.Input) error) (*evidence.Document, error) {
	in, err := judged(ctx, env, g, t, name)
	if err != nil {
		return nil, err
	}
	return document(ctx, in, signer, pairs{pairFinder(env, g), func(pair string) (*promises.Assessment, error) {
		below, err := judged(ctx, env, g, t, pair)
		if err != nil {
			return nil, err
		}
		return below.Assessment, nil
	}}, add)
}

// document makes evidence of how a stack was judged, and of what lies beneath it.
func document(ctx context.Context, in *evidence.Input, signer ed25519.PublicKey, below pairs,
	add func(context.Context, *evidence.Input) error) (*evidence.Document, error) {
	in.Signer = signer
	if err := beneath(in.Subject.Stack, in.Subject.Spec, in.Assessment, below); err != nil {
		return nil, err
	}
	if add != nil {
		if err := add(ctx, in); err != nil {
			return nil, err
		}
	}
	return evidence.Make(*in)
}

// judged is a stack and how its promises stand: as its state has it, or as its program describes it where nothing exists yet.
func judged(ctx context.Context, env Env, g *global, t target, name string) (_ *evidence.Input, err error) {
	stack, read, err := t.open(ctx, env, g, name, engine.Options{})
	if err != nil {
		return nil, err
	}
	defer closing(stack, &err)
	resources, err := stack.Resources(ctx)
	if err != nil {
		return nil, err
	}
	now := env.Now().UTC()
	in := &evidence.Input{
		Subject:  promises.Subject{Stack: name, Spec: read, Graph: graph.FromState(resources), Now: now},
		Promises: env.Promises, Controls: env.Controls, Group: catalogue.Group,
		Source: evidence.Source{Kind: evidence.FromState}, Cloud: evidence.Real,
	}
	if t.local {
		in.Cloud = evidence.Embedded
	}
	in.Release.Version = env.versions().Berth
	if len(in.Subject.Graph.Clouds()) == 0 {
		judged, err := env.Assess(ctx, name, read, now)
		if err != nil {
			return nil, err
		}
		in.Source.Kind, in.Subject.Graph = evidence.FromProgram, judged.Graph
	} else {
		update, err := stack.LastUpdate(ctx)
		if err != nil {
			return nil, err
		}
		if update == nil {
			return nil, fmt.Errorf("stack %s has resources, and no update of it has ever succeeded: bring it up first, so that it is known what it was made from", name)
		}
		if in.Source.State, err = stateOf(in.Subject.Graph, update); err != nil {
			return nil, err
		}
		// What exists is judged by what it was brought up from, not by a file that has changed since.
		if in.Subject.Spec, err = spec.Decode([]byte(update.Config[specKey]), spec.Options{Now: update.At}); err != nil {
			return nil, fmt.Errorf("read the spec of the last update of stack %s, number %d: %w\nbring the stack up with this release first", name, update.Version, err)
		}
	}
	if in.Assessment, err = promises.Assess(in.Subject, env.Promises, env.Controls); err != nil {
		return nil, err
	}
	return in, nil
}

// stateOf names a state: the last update's number, and a hash of everything in it but secrets.
func stateOf(g *graph.Graph, update *engine.Update) (*evidence.State, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("hash the state: %w", err)
	}
	sum := sha256.Sum256(text)
	return &evidence.State{Serial: update.Version, SHA256: hex.EncodeToString(sum[:]), Updated: update.At}, nil
}

// signingKey is the key to sign with: the one that is named, or the folder's own, which is made at first use.
func signingKey(env Env, g *global, named string) (ed25519.PrivateKey, string, error) {
	if named != "" {
		key, err := evidence.LoadPrivateKey(named)
		return key, named, err
	}
	private, public := ownKey(g)
	key, err := evidence.LoadPrivateKey(private)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, private, err
	}
	if err := os.MkdirAll(filepath.Dir(private), 0o700); err != nil {
		return nil, "", fmt.Errorf("make the folder of the key: %w", err)
	}
	if _, err := evidence.CreateKeys(rand.Reader, private, public); err != nil {
		return nil, "", err
	}
	if !g.quiet {
		_, _ = fmt.Fprintf(env.Err, "made the key %s and %s: keep the first to yourself, hand the second to whoever verifies\n", private, public)
	}
	key, err = evidence.LoadPrivateKey(private)
	return key, private, err
}

func ownKey(g *global) (private, public string) {
	return filepath.Join(g.root, ".berth", "evidence.key"), filepath.Join(g.root, ".berth", "evidence.pub")
}

type verifyOptions struct {
	file, signature, publicKey string
	strict                     bool
}

func newEvidenceVerify(env Env, g *global) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [flags] <evidence.json>",
		Short: "Check that evidence is what was signed, and how it stands today",
		Long: `Verify checks the signature over the bytes of the file and prints how the promises
stand now: a proof that is older than its level allows counts for nothing any
more. A file that was changed, by a single byte, fails with exit code 1. With
--strict the exit code is 6 when a promise is broken or was shown too long ago.

Take the public key from whoever signed, not from beside the evidence.`,
		Example: "  berth evidence verify evidence.json --public-key northwind.pub\n  berth evidence verify evidence.json --strict --output json",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usage("%s needs the path of one evidence.json", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			o.file = args[0]
			return runEvidenceVerify(env, g, o)
		},
	}
	strictFlag(cmd.Flags(), &o.strict)
	cmd.Flags().StringVar(&o.publicKey, "public-key", "", "public key in `file` (default .berth/evidence.pub)")
	cmd.Flags().StringVar(&o.signature, "signature", "", "signature in `file` (default: the evidence's name and .sig)")
	return cmd
}

// verified is the answer of verify.
type verified struct {
	File    string           `json:"file"`
	Signer  string           `json:"signer"`
	SHA256  string           `json:"sha256"`
	Stack   string           `json:"stack"`
	Cloud   evidence.Cloud   `json:"cloud"`
	Made    time.Time        `json:"made"`
	Summary evidence.Summary `json:"summary"` // as everything stands now
	Stale   []string         `json:"stale"`   // IDs of promises that were shown too long ago
}

func runEvidenceVerify(env Env, g *global, o verifyOptions) error {
	text, err := os.ReadFile(o.file)
	if err != nil {
		return fmt.Errorf("read the evidence: %w", err)
	}
	if o.signature == "" {
		o.signature = o.file + evidence.Extension
	}
	signature, err := os.ReadFile(o.signature)
	if err != nil {
		return fmt.Errorf("read the signature: %w; name it with --signature", err)
	}
	if o.publicKey == "" {
		_, o.publicKey = ownKey(g)
	}
	key, err := evidence.LoadPublicKey(o.publicKey)
	if err != nil {
		return fmt.Errorf("%w\nname the signer's public key with --public-key", err)
	}
	if err := evidence.Verify(text, signature, key); err != nil {
		return fmt.Errorf("%s: %w", o.file, err)
	}
	doc, err := evidence.Decode(text)
	if err != nil {
		return fmt.Errorf("%s is signed by this key, and yet: %w", o.file, err)
	}
	now := env.Now()
	sum := sha256.Sum256(text)
	v := verified{File: o.file, Signer: doc.Signer, SHA256: hex.EncodeToString(sum[:]), Stack: doc.Subject.Stack, Cloud: doc.Subject.Cloud,
		Made: doc.Made, Summary: doc.At(now), Stale: []string{}}
	for _, p := range doc.Promises {
		if standing := p.At(now); standing.Verdict == promises.NotShown && len(standing.Stale) > 0 {
			v.Stale = append(v.Stale, p.ID)
		}
	}
	if g.output == "json" {
		if err := printJSON(env, v); err != nil {
			return err
		}
		return strictly(o.strict, doc, now)
	}
	_, _ = fmt.Fprintf(env.Out, "%s is what the key %s signed.\n\n", o.file, evidence.FingerprintOf(key).Short())
	show.Evidence(env.Out, g.style(env), doc, now)
	return strictly(o.strict, doc, now)
}

func newEvidenceKeygen(env Env, g *global) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "keygen [flags]",
		Short: "Make a key to sign evidence with",
		Long: `Keygen makes an ed25519 key: the private half in a file that only its owner may
read, the public half beside it with the ending .pub. It overwrites nothing.`,
		Example: "  berth evidence keygen --key ~/keys/evidence.key",
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			private, public := ownKey(g)
			if file != "" {
				private, public = file, strings.TrimSuffix(file, filepath.Ext(file))+".pub"
			}
			if err := os.MkdirAll(filepath.Dir(private), 0o700); err != nil {
				return fmt.Errorf("make the folder of the key: %w", err)
			}
			key, err := evidence.CreateKeys(rand.Reader, private, public)
			if err != nil {
				return err
			}
			made := struct {
				Private     string `json:"private"`
				Public      string `json:"public"`
				Fingerprint string `json:"fingerprint"`
			}{private, public, string(evidence.FingerprintOf(key))}
			if g.output == "json" {
				return printJSON(env, made)
			}
			_, err = fmt.Fprintf(env.Out, "private key  %s  (keep it to yourself)\npublic key   %s  (hand it to whoever verifies)\nfingerprint  %s\n", private, public, evidence.FingerprintOf(key).Short())
			return err
		},
	}
	cmd.Flags().StringVar(&file, "key", "", "write the private key to `file` (default .berth/evidence.key)")
	return cmd
}
