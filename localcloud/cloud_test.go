package localcloud_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/berth-iac/berth/localcloud"
	"github.com/berth-iac/berth/localcloud/journal"
)

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStateOutlivesTheCloud(t *testing.T) {
	dir := t.TempDir()
	cloud, err := localcloud.Start(context.Background(), localcloud.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	aws := london(t, cloud)
	vpc := aws.mustCreate(vpcType, "net", network)
	db := aws.mustCreate(dbType, "db", database(nil))
	if err := cloud.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("and can change while none runs", func(t *testing.T) {
		err := localcloud.DriftIn(t.Context(), dir, localcloud.Change{Type: dbType, Name: "acme-db", Set: map[string]any{"multiAz": true}})
		if err != nil {
			t.Fatal(err)
		}
		objects, err := localcloud.ObjectsIn(t.Context(), dir)
		if err != nil || len(objects) != 2 {
			t.Errorf("objects = %v, %v", objects, err)
		}
	})
	aws = london(t, start(t, localcloud.Options{Dir: dir}))
	if got := aws.read(vpcType, "net", vpc); got.id != vpc.id || got.text("arn") != vpc.text("arn") {
		t.Errorf("read %v", got.props)
	}
	got := aws.read(dbType, "db", db)
	if got.text("password") != "correct horse" || !got.props["multiAz"].BoolValue() {
		t.Errorf("read %v", got.props)
	}
	_, err = aws.create(subnetType, "s", props{"vpcId": vpc.id, "cidrBlock": "10.0.0.0/24"})
	if err != nil {
		t.Errorf("the old network is not found: %v", err)
	}
	wantError(t, aws.delete(vpcType, "net", vpc), "DependencyViolation")
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	start(t, localcloud.Options{Dir: dir})
	_, err := localcloud.Start(t.Context(), localcloud.Options{Dir: dir})
	if !errors.Is(err, journal.ErrLocked) {
		t.Errorf("err = %v, want ErrLocked", err)
	}
	_, err = localcloud.Start(t.Context(), localcloud.Options{})
	wantError(t, err, "no directory")
}

func TestItListensOnThisMachineOnly(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range strings.Split(cloud.Providers(), ",") {
		_, port, _ := strings.Cut(entry, ":")
		for _, a := range addresses {
			ip, _, err := net.ParseCIDR(a.String())
			if err != nil || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
				continue
			}
			conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), 200*time.Millisecond)
			if err == nil {
				conn.Close()
				t.Errorf("%s answers on %s", entry, ip)
			}
		}
	}
}

// built is what a seeded cloud makes of the same program, in another order each time.
func built(t *testing.T, seed uint64, order []int) string {
	cloud := start(t, localcloud.Options{Seed: seed, Clock: func() time.Time { return time.Unix(1_772_000_000, 0) }})
	aws := london(t, cloud)
	for _, i := range order {
		aws.mustCreate(vpcType, fmt.Sprintf("net-%d", i), props{"cidrBlock": fmt.Sprintf("10.%d.0.0/16", i)})
		aws.mustCreate("aws:iam/role:Role", fmt.Sprintf("role-%d", i), props{"assumeRolePolicy": "{}"})
	}
	objects, err := cloud.Objects(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byURN := map[string]any{}
	for _, o := range objects {
		byURN[o.URN] = fmt.Sprint(o.ID, o.Properties)
	}
	return fmt.Sprint(byURN)
}

func TestSeed(t *testing.T) {
	first := built(t, 7, []int{1, 2, 3})
	if second := built(t, 7, []int{3, 1, 2}); first != second {
		t.Errorf("the order of calls shows:\n%s\n%s", first, second)
	}
	if other := built(t, 8, []int{1, 2, 3}); first == other {
		t.Error("another seed gives the same ids")
	}
	aws := london(t, start(t, localcloud.Options{Seed: 7}))
	one := aws.mustCreate(vpcType, "net", network)
	if err := aws.delete(vpcType, "net", one); err != nil {
		t.Fatal(err)
	}
	if two := aws.mustCreate(vpcType, "net", network); one.id == two.id {
		t.Error("a second object of the same resource has the first one's id")
	}
}

func TestDrift(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	aws := connect(t, cloud, "aws", props{"region": "eu-west-2", "defaultTags": `{"tags":{"owner":"acme"}}`})
	vpc := aws.mustCreate(vpcType, "net", with(network, props{"tags": props{"Name": "net"}}))
	err := cloud.Drift(t.Context(), localcloud.Change{Type: vpcType, Name: "net", Set: map[string]any{"tags": map[string]any{"Name": "hacked"}}})
	if err != nil {
		t.Fatal(err)
	}
	got := aws.read(vpcType, "net", vpc)
	if all := fmt.Sprint(got.props["tagsAll"].ObjectValue().Mappable()); all != "map[Name:hacked owner:acme]" {
		t.Errorf("tagsAll = %s", all)
	}
	if in := got.inputs.Fields["tags"].GetStructValue().Fields["Name"].GetStringValue(); in != "hacked" {
		t.Errorf("inputs have %q: a refresh would not show the change", in)
	}
	for want, change := range map[string]localcloud.Change{
		`did you mean "cidrBlock"?`: {Type: vpcType, ID: vpc.id, Set: map[string]any{"cidrBlok": "x"}},
		"no such object":            {Type: vpcType, ID: "vpc-none", Delete: true},
		"the id or the name":        {Type: vpcType},
		"not in the embedded":       {Type: "aws:x/y:Y", ID: "x"},
	} {
		wantError(t, cloud.Drift(t.Context(), change), want)
	}
}

func TestManyAtOnce(t *testing.T) {
	cloud := start(t, localcloud.Options{})
	aws := london(t, cloud)
	vpc := aws.mustCreate(vpcType, "net", network)
	inputs := make([]props, 250)
	for i := range inputs {
		inputs[i] = props{"vpcId": vpc.id, "cidrBlock": fmt.Sprintf("10.0.%d.0/24", i)}
	}
	began := time.Now()
	var wg sync.WaitGroup
	limit := make(chan struct{}, 16)
	for i, in := range inputs {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			if _, err := aws.create(subnetType, fmt.Sprintf("s%d", i), in); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Logf("250 checks and creations took %s", time.Since(began))
	if n := count(t, cloud); n != 251 {
		t.Errorf("%d objects, want 251", n)
	}
}

// dirEnv makes the test binary a cloud that makes networks until it is killed, and prints each.
const dirEnv = "LOCALCLOUD_CRASH_DIR"

func TestKilledCloudLosesNothing(t *testing.T) {
	if dir := os.Getenv(dirEnv); dir != "" {
		cloud := start(t, localcloud.Options{Dir: dir, Crash: func(place string) {
			fmt.Println("crash", place)
			_ = os.Stdout.Sync()
			process, _ := os.FindProcess(os.Getpid())
			_ = process.Kill()
			select {}
		}, Faults: []localcloud.Fault{{Operation: "create", Type: "*", Action: "crash-after", Nth: 40}}})
		aws := london(t, cloud)
		for i := range 100 {
			fmt.Println("made", aws.mustCreate(vpcType, fmt.Sprintf("n%d", i), props{"cidrBlock": "10.0.0.0/16"}).id)
		}
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=TestKilledCloudLosesNothing", "-test.v")
	cmd.Env = append(os.Environ(), dirEnv+"="+dir)
	out, err := cmd.Output()
	if err == nil || !strings.Contains(string(out), "crash create") {
		t.Fatalf("the process was to die: %v\n%s", err, out)
	}
	// Somebody else's machine may die in the middle of a line.
	journal, err := os.OpenFile(filepath.Join(dir, "objects.journal"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := journal.WriteString(`1234abcd {"put":{"key":`); err != nil {
		t.Fatal(err)
	}
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	cloud := start(t, localcloud.Options{Dir: dir})
	aws := london(t, cloud)
	made := 0
	for _, line := range strings.Split(string(out), "\n") {
		if id, ok := strings.CutPrefix(line, "made "); ok {
			made++
			if got := aws.read(vpcType, "n", object{id: id}); got.id == "" {
				t.Errorf("%s was acknowledged and is gone", id)
			}
		}
	}
	if n := count(t, cloud); made != 39 || n != 40 {
		t.Errorf("%d acknowledged and %d there, want 39 and 40: the last one happened without an answer", made, n)
	}
}

func TestHistoryIsDropped(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		cloud, err := localcloud.Start(context.Background(), localcloud.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		aws := london(t, cloud)
		for range 60 {
			o := aws.mustCreate(vpcType, "n", network)
			if err := aws.delete(vpcType, "n", o); err != nil {
				t.Fatal(err)
			}
		}
		if err := cloud.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := localcloud.ObjectsIn(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "objects.journal"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(raw), "\n"); lines > 5 {
		t.Errorf("%d lines for nothing that exists", lines)
	}
}
