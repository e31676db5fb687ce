package evidence_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/berth-iac/berth/promises/evidence"
	"github.com/berth-iac/berth/promises/evidence/internal/example"
)

var now = example.Now()

func testKey() ed25519.PrivateKey { return example.Key() }

func exampleInput(t testing.TB) evidence.Input {
	in, err := example.Input()
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func exampleDocument(t testing.TB) *evidence.Document {
	d, err := example.Document()
	if err != nil {
		t.Fatal(err)
	}
	return d
}
