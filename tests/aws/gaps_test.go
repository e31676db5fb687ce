package aws_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/berth-iac/berth/tests/aws/emulator"
)

// gap is one thing that moto lacks, as gaps.yaml has it.
type gap struct {
	Lacks  string
	Answer string
	Do     string
	On     string
	Costly bool
}

// early tells whether a gap shows while a stack comes up and is read; others show when it is taken down.
func (g gap) early() bool { return g.Do != "leave" && g.On != "delete" }

func listedGaps(t *testing.T) map[string][]gap {
	t.Helper()
	text, err := os.ReadFile("gaps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]gap
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// reportedGaps compares what came of trying what moto lacks with gaps.yaml, for a stack that is up.
func reportedGaps(t *testing.T, d *deployed) {
	needGaps(t)
	file, err := os.Open(d.report)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	outcomes := map[string]map[string]string{} // an answer by outcome, by gap
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct{ Token, URN, Lacks, Operation, Answer, Outcome string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
		key := line.Token + ": " + line.Lacks
		if outcomes[key] == nil {
			outcomes[key] = map[string]string{}
		}
		outcomes[key][line.Outcome] = fmt.Sprintf("%s of %s: %s", line.Operation, line.URN[strings.LastIndex(line.URN, ":")+1:], line.Answer)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for key, outcome := range outcomes {
		tried++
		// A property that is lacking in some resources of a type may come back in others.
		if other, found := outcome["other"]; found {
			t.Errorf("moto now answers otherwise, adapt the entry of gaps.yaml: %s\n%s", key, other)
		} else if _, open := outcome["open"]; !open {
			t.Errorf("moto now can do this, remove the entry of gaps.yaml: %s\n%s", key, outcome["closed"])
		}
	}
	types := map[string]bool{}
	for _, step := range d.run(t, "preview").Steps {
		types[step.Type] = true
	}
	for token, gaps := range listedGaps(t) {
		for _, g := range gaps {
			if key := token + ": " + g.Lacks; types[token] && g.early() && !g.Costly && outcomes[key] == nil {
				t.Errorf("the stack has the type and the gap was not tried: %s", key)
			}
		}
	}
	t.Logf("%d gaps of %d types were tried", tried, len(types))
}

// What moto lacks of the organisation is tried in an account of its own, which goes as a whole afterwards: halves of
// things that a try made are left in it. TestMySQLAndDocuments does the same for a client.
func TestGaps(t *testing.T) {
	t.Parallel()
	d := newStack(t, needGaps(t), "organisation", emulator.Options{Account: organisationAccount}, nil)
	d.unbroken()
	d.env = append(d.env, "BERTH_PLUGIN_TRY=1", "BERTH_PLUGIN_REPORT="+d.report)
	phase(t, "up", func(t *testing.T) { d.up(t) })
	phase(t, "refresh", func(t *testing.T) { d.run(t, "refresh") }) // some of it comes back at first, and not when it is read again
	t.Run("what moto lacks is as gaps.yaml has it", func(t *testing.T) { reportedGaps(t, d) })
}

// An entry that says less than it should would be of no use when moto changes.
func TestGapsAreExplained(t *testing.T) {
	all := listedGaps(t)
	for _, token := range slices.Sorted(maps.Keys(all)) {
		for _, g := range all[token] {
			if g.Lacks == "" || g.Answer == "" || !slices.Contains([]string{"stand-in", "keep", "send", "leave"}, g.Do) {
				t.Errorf("gaps.yaml: %s: %+v, want what is lacking, moto's answer, and what is done", token, g)
			}
		}
	}
	if len(all) == 0 {
		t.Error("gaps.yaml has no entry")
	}
}
