package exchange_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/berth-iac/berth/app/ent/attachment"
	"github.com/berth-iac/berth/app/exchange"
	"github.com/berth-iac/berth/app/feed"
	"github.com/berth-iac/berth/app/store/storetest"
)

// Names of files lead nowhere else, on no system, and none hides another.
func TestNamesInArchivesAreSafe(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.fill(t)
	names := []string{"../../etc/passwd", `..\..\boot.ini`, "/abs.txt", `C:\x.txt`, "con.txt", "A.txt", "a.TXT", "a.txt", "a (2).txt", "x/../../y", "...", " ", "=1+1.txt", "tab.txt.", "-rf", strings.Repeat("long", 60)}
	for i := range names {
		p.attach(t, "OPS-2", fmt.Sprintf("%d.txt", i), "content\n")
	}
	rows, err := p.store.Client().Attachment.Query().Order(attachment.ByID()).All(t.Context())
	must(t, err)
	for i, one := range rows[2:] {
		must(t, one.Update().SetName(names[i]).Exec(t.Context()))
	}
	_, data := p.export(t, exchange.Order{Format: exchange.Zip, Attachments: true})
	seen, n := map[string]bool{}, 0
	all := unpack(t, data)
	for name := range all {
		low := strings.ToLower(name)
		if seen[low] || strings.Contains(name, "..") || strings.ContainsAny(name, "\\:*?<>|\"\x00") || strings.HasPrefix(name, "/") || strings.Count(name, "/") > 2 || strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".") {
			t.Errorf("a file is called %q", name)
		}
		seen[low] = true
		if strings.HasPrefix(name, "attachments/OPS-2/") {
			n++
		}
	}
	for _, row := range rowsOf(t, all["csv/attachments.csv"])[1:] {
		if _, there := all[row[3]]; !there {
			t.Errorf("the list says %q, which is not there", row[3])
		}
	}
	if n != len(names) {
		t.Errorf("%d files of %d", n, len(names))
	}
}

// elsewhere is a feed that is not in the database.
type elsewhere struct{ feed.Feed }

// A feed in a store of documents is exported as the one in the database is.
func TestAFeedOfDocumentsIsExported(t *testing.T) {
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.fill(t)
	for i := range 270 { // more than a page
		_, err := p.work.AddStep(t.Context(), p.ada, fmt.Sprintf("OPS-%d", i/90+1), "a step")
		must(t, err)
	}
	x, err := exchange.New(exchange.Options{Client: "acme", Store: p.store, Files: p.files, Feed: elsewhere{p.feed}, Work: p.work, Audit: p.audit, Space: p.space, Clock: p.clock})
	must(t, err)
	var of [2][]string
	for i, one := range []*exchange.Exchange{p.Exchange, x} {
		var out bytes.Buffer
		_, err := one.Export(t.Context(), p.owner, exchange.Order{Format: exchange.CSV, Table: "activity"}, func(exchange.File) (io.Writer, error) { return &out, nil })
		must(t, err)
		of[i] = strings.Split(out.String(), "\r\n")
		slices.Sort(of[i])
	}
	if len(of[0]) < 250 || !slices.Equal(of[0], of[1]) {
		t.Errorf("%d lines, and %d from elsewhere: %s", len(of[0]), len(of[1]), differs(strings.Join(of[0], "\n"), strings.Join(of[1], "\n")))
	}
}

// heavy measures the memory in use while an export is written: every so many bytes, after everything that is not needed was thrown away.
type heavy struct {
	n, last, every int64
	most           uint64
	looks          int
}

func (h *heavy) Write(p []byte) (int, error) {
	h.n += int64(len(p))
	if h.n-h.last > h.every {
		h.last = h.n
		h.looks++
		h.most = max(h.most, inUse())
	}
	return len(p), nil
}

func inUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// However much there is, an export holds a page of it at a time.
func TestMemoryIsBounded_DP_7(t *testing.T) {
	const tasks, most = 50_000, 12 << 20
	p := newPlace(t, "acme", storetest.SQLite(t))
	p.many(t, p.project(t, "OPS"), tasks)
	for format, every := range map[exchange.Format]int64{exchange.JSON: 2 << 20, exchange.Zip: 128 << 10} {
		before := inUse()
		h := &heavy{every: every}
		r, err := p.Export(t.Context(), p.owner, exchange.Order{Format: format}, func(exchange.File) (io.Writer, error) { return h, nil })
		must(t, err)
		if r.Rows < tasks || h.looks < 5 {
			t.Fatalf("%+v, looked %d times", r, h.looks)
		}
		t.Logf("%s of %d tasks: %d kB written, %d kB more in use at most, looked %d times", format, tasks, h.n>>10, (int64(h.most)-int64(before))>>10, h.looks)
		if h.most > before+most {
			t.Errorf("%s held %d kB, more than %d kB", format, (h.most-before)>>10, most>>10)
		}
	}
}

// How long it takes to take much out and in. The figures are of one core: an export reads and packs one row after the other.
func BenchmarkExport(b *testing.B) {
	const tasks = 20_000
	for _, engine := range storetest.Engines() {
		b.Run(engine.Name, func(b *testing.B) {
			p := newPlace(b, "acme", engine.Open(b))
			p.many(b, p.project(b, "OPS"), tasks)
			for _, format := range []exchange.Format{exchange.Zip, exchange.JSON, exchange.CSV} {
				b.Run(string(format), func(b *testing.B) {
					for b.Loop() {
						if _, err := p.Export(b.Context(), p.owner, exchange.Order{Format: format}, func(exchange.File) (io.Writer, error) { return io.Discard, nil }); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(tasks*b.N)/b.Elapsed().Seconds(), "tasks/s")
				})
			}
		})
	}
}

func BenchmarkImport(b *testing.B) {
	const tasks = 5000
	for _, engine := range storetest.Engines() {
		b.Run(engine.Name, func(b *testing.B) {
			p, n := newPlace(b, "acme", engine.Open(b)), 0
			for b.Loop() {
				n++
				key := fmt.Sprintf("P%d", n)
				p.project(b, key)
				file := "Title,Description,Labels,Due\n" + strings.Repeat("A task,\"Words of it, many of them\",bug,2026-04-01\n", tasks)
				if made, err := p.Import(b.Context(), p.ada, exchange.Source{Project: key, Name: "a.csv", Data: []byte(file)}); err != nil || made.Tasks != tasks {
					b.Fatalf("%+v, %v", made, err)
				}
			}
			b.ReportMetric(float64(tasks*b.N)/b.Elapsed().Seconds(), "tasks/s")
		})
	}
}
