package command_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/command"
)

// A client's data is exported at the command line: complete, with a reason, and written down (DP-7, AC-5).
func TestExport_DP_7(t *testing.T) {
	d := newDesk(t)
	d.run(command.Done, "tenant", "create", "acme", "--name", "Acme Ltd", "--host", "acme.example.org", "--owner", "ann@acme.example")
	d.run(command.Done, "seed", "acme", "--people", "2", "--projects", "1", "--tasks", "20")
	file := filepath.Join(d.folder, "acme.zip")
	d.run(command.Wrong, "export", "acme", "--out", file)
	d.run(command.Wrong, "export", "acme", "--out", file, "--reason", "")
	d.run(command.Wrong, "export", "acme", "--out", file, "--reason", "moving", "--format", "exe")
	d.run(command.Missing, "export", "nobody", "--out", file, "--reason", "moving")
	var answer struct {
		Rows, Bytes int64
		SHA256      string
	}
	d.json(&answer, "export", "acme", "--out", file, "--reason", "the contract ends", "--by", "Jo Ops")
	data, err := os.ReadFile(file)
	must(t, err)
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	must(t, err)
	if int64(len(data)) != answer.Bytes || answer.Rows < 20 || len(archive.File) < 20 {
		t.Errorf("%+v, %d files", answer, len(archive.File))
	}
	if about, err := os.Stat(file); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", about.Mode(), err)
	}
	d.run(command.Refused, "export", "acme", "--out", file, "--reason", "again")
	d.run(command.Done, "export", "acme", "--out", file, "--reason", "again", "--replace")
	csv := d.run(command.Done, "export", "acme", "--format", "csv", "--table", "audit_log", "--out", "-", "--reason", "a look")
	for _, want := range []string{"data.export,everything", "data.export.end,everything", "the contract ends", "Jo Ops", "operator at the command line", "a look"} {
		if !strings.Contains(csv, want) {
			t.Errorf("the log does not have %q", want)
		}
	}
	if !strings.HasPrefix(csv, "number,id,at,") || strings.Contains(csv, "SHA-256") {
		t.Errorf("there is more than the data: %.200s", csv)
	}
	d.onlyWhole("acme.zip")
}

// onlyWhole tells whether no half of a file was left.
func (d *desk) onlyWhole(want ...string) {
	d.t.Helper()
	all, err := filepath.Glob(filepath.Join(d.folder, "*zip*"))
	must(d.t, err)
	hidden, err := filepath.Glob(filepath.Join(d.folder, ".*"))
	must(d.t, err)
	if len(all) != len(want) || len(hidden) > 0 {
		d.t.Errorf("there is %v and %v, want %v", all, hidden, want)
	}
}

// An export that breaks off leaves the file that was there before, and no half of another.
func TestACutExportLeavesNoFile_DP_7(t *testing.T) {
	d := newDesk(t)
	d.run(command.Done, "tenant", "create", "acme", "--name", "Acme Ltd", "--host", "acme.example.org")
	file := filepath.Join(d.folder, "acme.zip")
	must(t, os.WriteFile(file, []byte("the one before"), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	var problems bytes.Buffer
	e := env(breaking{stop}, &problems)
	// To the standard output, which breaks; then to a file, with nobody waiting any more.
	if code := command.Run(ctx, e, []string{"export", "acme", "--out", "-", "--format", "json", "--reason", "moving", "--config", d.config}); code != command.Failed {
		t.Errorf("it ended with %d: %s", code, &problems)
	}
	if code := command.Run(ctx, e, []string{"export", "acme", "--out", file, "--replace", "--reason", "moving", "--config", d.config}); code == command.Done {
		t.Errorf("it ended with %d: %s", code, &problems)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "the one before" {
		t.Errorf("%q, %v", text, err)
	}
	d.onlyWhole("acme.zip")
	log := d.run(command.Done, "export", "acme", "--format", "csv", "--table", "audit_log", "--out", "-", "--reason", "a look")
	if !strings.Contains(log, "data.export.end,everything,,failed") {
		t.Errorf("the log does not say that it failed: %s", log)
	}
}

// breaking is a pipe whose reader is gone.
type breaking struct{ stop func() }

func (b breaking) Write([]byte) (int, error) {
	b.stop()
	return 0, errors.Join(errors.New("broken pipe"), io.ErrClosedPipe)
}

// A process that is killed in the middle of an export leaves nothing under the file's name.
func TestAKilledExportLeavesNoFile_DP_7(t *testing.T) {
	d := newDesk(t)
	d.run(command.Done, "tenant", "create", "acme", "--name", "Acme Ltd", "--host", "acme.example.org")
	d.run(command.Done, "seed", "acme", "--people", "2", "--projects", "1", "--tasks", "150")
	file := filepath.Join(d.folder, "acme.zip")
	program, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), program, "export", "acme", "--out", file, "--reason", "moving", "--config", d.config)
	c.Env = append(os.Environ(), "TASKFLOW_TEST_PROGRAM=yes")
	must(t, c.Start())
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	begun := func() bool {
		some, err := filepath.Glob(filepath.Join(d.folder, ".acme.zip.partial-*"))
		must(t, err)
		return len(some) > 0
	}
	for !begun() {
		select {
		case err := <-ended:
			t.Skipf("%s is skipped: the export was faster than the eye (%v)", t.Name(), err)
		case <-time.After(50 * time.Microsecond):
		}
	}
	must(t, c.Process.Kill())
	<-ended
	if _, err := os.Stat(file); !begun() && err == nil {
		t.Skipf("%s is skipped: the export was finished before the blow", t.Name())
	} else if err == nil {
		t.Error("a half is called as the whole would be")
	}
}
