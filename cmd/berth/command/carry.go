package command

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/berth-iac/berth/promises"
	"github.com/berth-iac/berth/promises/evidence"
)

// carryOver takes the live proofs and drills of the evidence in a folder over into new evidence, with their dates: a look
// at what runs counts for as long as its level says, whoever judges the graph again meanwhile. Evidence that another key
// signed, or that is about another account, is left alone: whoever can write the folder could make it up.
func carryOver(in *evidence.Input, folder string, key ed25519.PublicKey) error {
	file := filepath.Join(folder, "evidence.json")
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the earlier evidence: %w", err)
	}
	signature, err := os.ReadFile(file + evidence.Extension)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the earlier evidence's signature: %w", err)
	}
	left := func(why string) error {
		in.Assessment.Warnings = append(in.Assessment.Warnings, fmt.Sprintf("the evidence that stood in %s is not taken over: %s; run `berth verify` to read the account back", folder, why))
		return nil
	}
	if err := evidence.Verify(text, signature, key); err != nil {
		return left(err.Error())
	}
	earlier, err := evidence.Decode(text)
	if err != nil {
		return left(err.Error())
	}
	if s := earlier.Subject; s.Stack != in.Subject.Stack || s.Cloud != in.Cloud || s.Account != account(in.Subject) {
		if s.Cloud == evidence.Real {
			return left(fmt.Sprintf("it is about stack %s in account %s", s.Stack, s.Account))
		}
		return nil // the embedded cloud has nothing live
	}
	for _, p := range earlier.Promises {
		result, assessed := in.Assessment.Result(p.ID)
		if !assessed || result.Verdict == promises.ClientsDuty || result.Verdict == promises.NotApplicable {
			continue
		}
		for _, proof := range p.Proofs {
			if (proof.Level == promises.Live || proof.Level == promises.Drill) && proof.ValidUntil.After(in.Subject.Now) && !proof.At.After(in.Subject.Now) {
				add(in, p.ID, proof)
			}
		}
	}
	return nil
}

func add(in *evidence.Input, id string, proof evidence.Proof) {
	if in.Proofs == nil {
		in.Proofs = map[string][]evidence.Proof{}
	}
	in.Proofs[id] = append(in.Proofs[id], proof)
}

// account is the number of the account that a stack belongs in.
func account(s promises.Subject) string {
	switch {
	case s.Client() != nil:
		return s.Client().AWS.Account
	case s.Spec.LightClient != nil:
		return s.Spec.LightClient.AWS.Account
	case s.Organisation() != nil:
		return s.Organisation().AWS.Account
	}
	return ""
}
