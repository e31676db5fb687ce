package live_test

import (
	"slices"
	"testing"

	"github.com/berth-iac/berth/promises/catalogue"
	"github.com/berth-iac/berth/promises/live"
)

func TestEachPromiseThatIsReadBackHasOneLook(t *testing.T) {
	var looks, promised []string
	for _, l := range live.All() {
		looks = append(looks, l.ID)
	}
	for _, p := range catalogue.All() {
		if p.ReadBack {
			promised = append(promised, p.ID)
		}
	}
	slices.SortFunc(looks, catalogue.Compare)
	if !slices.Equal(looks, promised) {
		t.Errorf("looks:    %v\npromises: %v", looks, promised)
	}
}
