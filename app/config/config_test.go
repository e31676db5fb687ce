package config_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/config"
)

func load(path string, environ ...string) (*config.Config, error) {
	return config.Load(config.Source{Path: path, ReadFile: os.ReadFile, Environ: environ})
}

func text(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "taskflow.yaml")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestNothingAtAllIsEnough(t *testing.T) {
	c, err := load("", "HOME=/root", "TASKFLOWX=1", "TASKFLOW_CONFIG=/x")
	if err != nil {
		t.Fatal(err)
	}
	if c.String() != config.Default().String() || !c.Tenants.Demo || c.Public.Port != 8080 || c.Tenants.Directory != "taskflow-data/tenants" {
		t.Errorf("it is %s", c)
	}
	for _, content := range []string{"", "\n# nothing\n", "{}", "---\n", "listen:\n"} {
		c, err := load(text(t, content))
		if err != nil || c.String() != config.Default().String() {
			t.Errorf("%q: %v, %v", content, err, c)
		}
	}
}

func TestEverythingIsRead(t *testing.T) {
	c, err := load("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if c.Limits.Upload != 50<<20 || c.Limits.Transfer.D() != time.Hour || c.Sessions.Absolute.D() != 7*24*time.Hour || c.Telemetry.Sample != 0.5 ||
		len(c.Listen.TrustedProxies) != 2 || c.Listen.TrustedProxies[1].String() != "2001:db8::1/128" || !c.Passwords.SecondFactor ||
		c.Rates.Client != (config.Rate{Requests: 100, Period: config.Duration(10 * time.Second)}) || c.TestDataOnly {
		t.Errorf("it is %s", c)
	}
	// What it prints reads back as itself, and so does JSON.
	again, err := load(text(t, c.String()))
	if err != nil || again.String() != c.String() {
		t.Errorf("%v\n%s\n%s", err, again, c)
	}
	// Every setting of the defaults is in the example, so that none goes unread.
	var set map[string]any
	if err := json.Unmarshal([]byte(c.String()), &set); err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("testdata/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var visit func(map[string]any)
	visit = func(section map[string]any) {
		for name, value := range section {
			if !bytes.Contains(example, []byte(name+":")) {
				t.Errorf("%s is not in the example", name)
			}
			if below, ok := value.(map[string]any); ok {
				visit(below)
			}
		}
	}
	visit(set)
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	_, err := load("testdata/wrong.yaml")
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		t.Fatalf("error is %v", err)
	}
	all := problems.Error()
	for _, want := range []string{
		`wrong.yaml:1:14: environment is "prod": expected production, staging, development`,
		`wrong.yaml:2:15: testDataOnly is "yes": expected true or false`,
		`wrong.yaml:3:1: colour: expected one of`,
		`wrong.yaml:5:14: listen.addresses: expected at least one host:port`,
		`wrong.yaml:6:3: listen.certificat: expected one of addresses, certificate, key`, `is certificate meant?`,
		`listen.trustedProxies[0] is 0.0.0.0/0: expected the proxies' own networks`,
		`listen.trustedProxies[1] is "10.0.0.1/8": expected a network`,
		`listen.trustedProxies[2] is "here": expected a network`,
		`wrong.yaml:10:9: limits.body is 1000GiB: expected 1KiB to 1GiB`,
		`wrong.yaml:11:12: limits.request is "soon": expected a time such as 90s`,
		`wrong.yaml:12:15: limits.concurrent is "many": expected a whole number`,
		`mail.password: expected where the secret is and never the secret itself`,
		`mail.from is "nobody": expected an e-mail address`,
		`mail.port is 99999: expected 1 to 65535`,
		`storage: expected a section with keys such as accessKey`,
		`wrong.yaml:21:3: sessions.idle: expected one value; it stands here twice`,
		`redis: expected a section`,
		`telemetry.endpoint: expected an address`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if strings.Contains(all, "hunter") {
		t.Error("a secret is repeated")
	}
	if t.Failed() {
		t.Log(all)
	}
}

func TestTheEnvironmentOverridesTheFile(t *testing.T) {
	c, err := load("testdata/full.yaml", "TASKFLOW_LISTEN_ADDRESSES=127.0.0.1:1, 127.0.0.1:2", "TASKFLOW_LISTEN_TRUSTED_PROXIES=192.0.2.0/24",
		"TASKFLOW_TENANTS_MAX_OPEN=7", "TASKFLOW_LIMITS_REQUEST=2s", "TASKFLOW_MAIL_PASSWORD=env:MAIL", "TASKFLOW_PASSWORDS_MIXED=false",
		"TASKFLOW_ENVIRONMENT=staging", "TASKFLOW_TEST_DATA_ONLY=true", "TASKFLOW_PROVIDER_STAFF=", "TASKFLOW_LISTEN_REQUEST_ID_HEADER=X")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Listen.Addresses) != 2 || c.Listen.Addresses[1] != "127.0.0.1:2" || c.Listen.TrustedProxies[0].String() != "192.0.2.0/24" ||
		c.Tenants.MaxOpen != 7 || c.Limits.Request.D() != 2*time.Second || c.Mail.Password != "env:MAIL" || c.Passwords.Mixed ||
		c.Environment != config.Staging || len(c.Provider.Staff) != 0 || c.Listen.RequestIDFrom != "X" {
		t.Errorf("it is %s", c)
	}
	_, err = load("", "TASKFLOW_LISTEN_ADRESSES=x", "TASKFLOW_MAIL_PASSWORD=hunter2", "TASKFLOW_LIMITS_BODY=x", "TASKFLOW_MAIL_PORT=0", "TASKFLOW_MAIL_HOST=x",
		"TASKFLOW_MAIL_FROM=a@b", "TASKFLOW_CLIENT_NAME=x")
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"variable TASKFLOW_LISTEN_ADRESSES: expected the name of a setting", "variable TASKFLOW_MAIL_PASSWORD: expected where the secret is",
		`variable TASKFLOW_LIMITS_BODY is "x"`, "variable TASKFLOW_MAIL_PORT: mail.port is 0", "variable TASKFLOW_CLIENT_NAME"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not reported: %s", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a secret is repeated")
	}
}

func TestWhatAttackersOfAConfigurationWouldLike(t *testing.T) {
	for name, test := range map[string]struct{ yaml, want string }{
		"plain HTTP in production":         {"environment: production\ntestDataOnly: false", "public.scheme is http"},
		"production data in staging, DP_6": {"environment: staging\ntestDataOnly: false", "testDataOnly is false: expected true"},
		"everybody is a proxy":             {"listen: {trustedProxies: ['::/0']}", "that cannot be everybody"},
		"the PROXY protocol from anybody":  {"listen: {proxyProtocol: true}", "expected trusted proxies"},
		"mail in the clear":                {"mail: {host: smtp.example.com, from: a@b.example, tls: 'off'}", "mail.tls"},
		"a weak policy":                    {"passwords: {minimum: 4}", "passwords.minimum is 4"},
		"no limit at all":                  {"rates: {client: {requests: 0, period: 0s}}", "rates.client.requests is 0"},
		"an alias":                         {"a: &a x\nlog: *a", "anchors, aliases"},
		"a bomb of aliases":                {"x: &x [a, a]\ny: &y [*x, *x]\nz: [*y, *y]", "expected one of"},
		"a tag":                            {"log: !!binary aGk=", "tags"},
		"a merge":                          {"log:\n  <<: {level: info}", "log"},
		"two documents":                    {"log: {level: info}\n---\nlog: {level: debug}", "one document"},
		"no YAML":                          {"log: [", "YAML"},
		"a client that reaches upwards":    {"client: {name: ../x, displayName: x, hosts: [x], sealKeys: ['env:K'], storagePrefix: ../y, spacePrefix: x, database: {engine: sqlite, path: x}}", `client.storagePrefix is "../y"`},
		"a database without TLS":           {"client: {name: x, displayName: x, hosts: [x], sealKeys: ['env:K'], storagePrefix: x, spacePrefix: x, database: {engine: mysql, host: db.example, name: x, user: x, tls: 'off'}}", "client.database.tls is off: expected verify"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := load(text(t, test.yaml)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v; want %q", err, test.want)
			}
		})
	}
}

func machine(t *testing.T, change func(map[string]string)) (*config.Config, error) {
	t.Helper()
	content, err := os.ReadFile("testdata/machine/config.json")
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]string
	if err := json.Unmarshal(content, &values); err != nil {
		t.Fatal(err)
	}
	change(values)
	changed, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"/etc/taskflow/config.json": changed, "/etc/taskflow/tls.crt": nil, "/etc/taskflow/tls.key": nil, "/etc/taskflow/database-ca.pem": nil}
	return config.Load(config.Source{Path: "/etc/taskflow", ReadFile: func(name string) ([]byte, error) {
		if content, found := files[name]; found {
			return content, nil
		}
		return nil, fs.ErrNotExist
	}})
}

func TestAMachinesFolderIsRead(t *testing.T) {
	c, err := machine(t, func(map[string]string) {})
	if err != nil {
		t.Fatal(err)
	}
	client := c.Client
	if !slices.ContainsFunc(c.Listen.TrustedProxies, func(n config.Network) bool { return n.Contains(netip.MustParseAddr("10.20.1.5")) }) ||
		slices.ContainsFunc(c.Listen.TrustedProxies, func(n config.Network) bool { return n.Contains(netip.MustParseAddr("203.0.113.9")) }) {
		t.Errorf("who a request comes from is believed of %v, want of the load balancer alone", c.Listen.TrustedProxies)
	}
	for what, got := range map[string][2]string{
		"name":           {client.Name, "acme"},
		"host":           {client.Hosts[0], "tasks.acme.example"},
		"password":       {string(client.Database.Password), "aws-rds-iam:taskflow@acme-production.abc123.eu-central-1.rds.amazonaws.com:5432"},
		"master":         {string(client.Database.Master), "aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!db-1234-AbCdEf"},
		"seal key":       {string(client.SealKeys[0]), "file:/etc/taskflow/secrets.json#application-key"},
		"authority":      {client.Database.CAFile, "/etc/taskflow/database-ca.pem"},
		"certificate":    {c.Listen.Certificate, "/etc/taskflow/tls.crt"},
		"cache":          {string(c.Redis.Password), "aws-elasticache-iam:acme-production@acme-production"},
		"cache address":  {c.Redis.Address, "master.acme-production.abc123.euc1.cache.amazonaws.com:6379"},
		"documents":      {string(c.Documents.Password), "aws-sm:arn:aws:secretsmanager:eu-central-1:123456789012:secret:rds!cluster-1234-AbCdEf#password"},
		"files":          {c.Storage.Bucket, "berth-acme-production-files-123456789012"},
		"rate":           {fmt.Sprint(c.Rates.Client), "{2000 1m0s}"},
		"notice":         {fmt.Sprint(client.Facts.MaintenanceNoticeDays), "7"},
		"release":        {c.Release, "1.4.0"},
		"environment":    {string(c.Environment), "production"},
		"TLS to all":     {fmt.Sprint(c.Redis.TLS, c.Documents.TLS, " ", client.Database.TLS), "true true verify"},
		"no tenants":     {c.Tenants.Directory, ""},
		"no demo client": {fmt.Sprint(c.Tenants.Demo), "false"},
		"files' prefix":  {client.StoragePrefix, "attachments/acme"},
		"backups":        {fmt.Sprint(c.Backups.Bucket, c.Backups.Recipients, c.Backups.Key, c.Backups.Scratch), "berth-acme-production-backup-123456789012[]/var/tmp"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is %q; want %q", what, got[0], got[1])
		}
	}
	if c, err := machine(t, func(v map[string]string) {
		for _, key := range []string{"cache-host", "cache-port", "cache-user", "documents-host", "documents-port", "documents-master-secret-arn"} {
			delete(v, key)
		}
		v["database-engine"], v["database-port"] = "mysql", "3306"
	}); err != nil || c.Redis.Address != "" || c.Documents.Address != "" {
		t.Errorf("without cache and documents: %v", err)
	}
	for name, change := range map[string]func(map[string]string){
		"client": func(v map[string]string) { delete(v, "client") }, "hostname": func(v map[string]string) { v["hostname"] = "" },
		"database-port": func(v map[string]string) { v["database-port"] = "five" }, "surprise": func(v map[string]string) { v["surprise"] = "x" },
		"test-data-only": func(v map[string]string) { v["test-data-only"] = "no" }, "testDataOnly": func(v map[string]string) { v["environment"] = "staging" },
		"database.engine": func(v map[string]string) { v["database-engine"] = "oracle" }, "database-user": func(v map[string]string) { v["database-user"] = "a b" },
	} {
		if _, err := machine(t, change); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileThatIsNotThere(t *testing.T) {
	if _, err := load("testdata/none.yaml"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
	if _, err := load("testdata"); err == nil {
		t.Error("a folder without a machine's files was read")
	}
}

type fakeAWS struct{ err error }

func (f fakeAWS) Secret(_ context.Context, name string) (string, error) {
	return `{"password":"from ` + name + `","n":1}`, f.err
}
func (f fakeAWS) Parameter(_ context.Context, name string) (string, error) {
	return "value of " + name, f.err
}
func (f fakeAWS) DatabaseToken(_ context.Context, user, at string) (string, error) {
	return user + " at " + at, f.err
}
func (f fakeAWS) CacheToken(_ context.Context, user, at string) (string, error) {
	return user + " in " + at, f.err
}

func TestReferencesAreResolved(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	plain, object := write("plain", "s3cret word\n"), write("object.json", `{"key":"inner","number":1}`)
	empty, broken := write("empty", "\n"), write("broken", "hunter2{")
	r := config.Resolver{ReadFile: os.ReadFile, AWS: fakeAWS{}, LookupEnv: func(name string) (string, bool) { return "from env", name == "THERE" }}
	for ref, want := range map[string]string{
		"file:" + plain: "s3cret word", "file:" + object + "#key": "inner", "env:THERE": "from env", "aws-ssm:/a/b": "value of /a/b",
		"aws-sm:arn:aws:x#password": "from arn:aws:x", "aws-rds-iam:u@db.example:5432": "u at db.example:5432", "aws-elasticache-iam:u@c": "u in c",
	} {
		if got, err := r.Resolve(t.Context(), config.Ref(ref)); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", ref, got, err, want)
		}
	}
	for ref, want := range map[string]string{
		"hunter2": "(no reference)", "": "(no reference)", "env:AWAY": "not set", "file:" + object + "#none": `no key "none"`, "file:" + object + "#number": "no text",
		"file:" + broken + "#x": "no JSON object", "file:" + empty: "it is empty", "file:" + dir + "/away": "no such file", "aws-sm:a#n": "no text", "file:relative": "(no reference)",
	} {
		if got, err := r.Resolve(t.Context(), config.Ref(ref)); err == nil || got != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %q, %v; want %q", ref, got, err, want)
		}
	}
	if _, err := (config.Resolver{}).Resolve(t.Context(), "aws-ssm:/a"); err == nil {
		t.Error("resolved without AWS")
	}
	if err := write("plain", "rotated"); err != "" {
		if got, _ := r.Resolve(t.Context(), config.Ref("file:"+plain)); got != "rotated" {
			t.Errorf("after it was rotated it is %q", got)
		}
	}
}

func TestSizesAndTimesReadBack(t *testing.T) {
	for _, size := range []string{"0B", "1B", "512KiB", "25MiB", "3GiB", "1023B"} {
		var s config.Size
		if err := s.UnmarshalText([]byte(size)); err != nil || s.String() != size {
			t.Errorf("%s is %s, %v", size, s, err)
		}
	}
	for _, wrong := range []string{"", "-1KiB", "1.5MiB", "1TiB", "99999999999999GiB", "KiB"} {
		if err := new(config.Size).UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q is a size", wrong)
		}
	}
	for _, wrong := range []string{"", "10", "-1s", "-1d", "1.5d", "x"} {
		if err := new(config.Duration).UnmarshalText([]byte(wrong)); err == nil {
			t.Errorf("%q is a time", wrong)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, name := range []string{"testdata/full.yaml", "testdata/wrong.yaml", "testdata/machine/config.json"} {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("---\n---\n"))
	f.Add([]byte("a: b\n---\n"))
	f.Add([]byte("? [a]\n: b\n- c"))
	f.Add([]byte("a: |\n  b\n<<: *x"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := config.Load(config.Source{Path: "f.yaml", ReadFile: func(name string) ([]byte, error) {
			if name == "f.yaml" {
				return content, nil
			}
			return nil, fs.ErrNotExist
		}})
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
		if err != nil {
			return
		}
		again, err := config.Load(config.Source{Path: "f.yaml", ReadFile: func(name string) ([]byte, error) {
			if name == "f.yaml" {
				return []byte(c.String()), nil
			}
			return nil, fs.ErrNotExist
		}})
		if err != nil || again.String() != c.String() {
			t.Fatalf("does not read back: %v\n%s\n%s", err, c, again)
		}
	})
}

// A machine's backups are encrypted for those whom it is told, or for itself by a secret of its own. What it is not told it does not guess.
func TestAMachinesBackupsAreForSomebody(t *testing.T) {
	const pair = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq"
	c, err := machine(t, func(v map[string]string) { v["backup-recipients"] = pair + ", " + pair })
	if err != nil || len(c.Backups.Recipients) != 2 || c.Backups.Recipients[1] != pair {
		t.Errorf("recipients are %q, %v", c.Backups.Recipients, err)
	}
	if _, err := machine(t, func(v map[string]string) { v["backup-recipients"] = "somebody" }); err == nil || !strings.Contains(err.Error(), "backups.recipients") {
		t.Errorf("a wrong recipient: %v", err)
	}
	content, err := os.ReadFile("testdata/machine/config.json")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"/etc/taskflow/config.json": content, "/etc/taskflow/secrets.json": []byte(`{"application-key":"a","backup-key":"b"}`)}
	c, err = config.Load(config.Source{Path: "/etc/taskflow", ReadFile: func(name string) ([]byte, error) {
		if content, found := files[name]; found {
			return content, nil
		}
		return nil, fs.ErrNotExist
	}})
	if err != nil || c.Backups.Key != "file:/etc/taskflow/secrets.json#backup-key" {
		t.Errorf("the key is %q, %v", c.Backups.Key, err)
	}
}
