package provider

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/berth-iac/berth/machine/bundle"
	"github.com/berth-iac/berth/machine/ssh"
)

func sameHostKey(a, b string) bool { return ssh.SameHostKey(a, b) }

// receive is what a machine does with what is sent to it: two compressed tar files, of which it knows the first one's length. They go to
// a folder in memory that root alone can read, and that is removed whatever happens; one that a killed run left goes a day later. It
// is bash, since the applier is; a folder in /run may forbid to execute, so that bash is what is called.
const receive = `set -eu
umask 077
run=${BERTH_ROOT-}/run
mkdir -p "$run"
find "$run" -maxdepth 1 -name 'berth-incoming-*' -mmin +1440 -exec rm -rf {} +
d=$(mktemp -d "$run/berth-incoming-XXXXXXXX")
trap 'rm -rf "$d"' EXIT
trap 'exit 129' HUP INT TERM
head -c %d | tar -xzf - -C "$d"
tar -xzf - -C "$d"
[ -f "$d/settings" ] && [ -f "$d/berth-host" ] || { echo "what was sent did not arrive whole; nothing was changed" >&2; exit 1; }
bash "$d/berth-host" apply "$d"`

// luggage is what is sent: the archive, and beside it settings and secrets.
func luggage(in bundleInputs) (stdin io.Reader, line string, err error) {
	archive, err := in.bundle.Archive()
	if err != nil {
		return nil, "", err
	}
	var settings strings.Builder
	for _, name := range slices.Sorted(maps.Keys(in.settings)) {
		fmt.Fprintf(&settings, "%s=%s\n", name, in.settings[name])
	}
	var values bytes.Buffer
	z := gzip.NewWriter(&values)
	t := tar.NewWriter(z)
	put := func(name, content string) {
		if err == nil {
			err = t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, Size: int64(len(content)), Format: tar.FormatPAX})
		}
		if err == nil {
			_, err = io.WriteString(t, content)
		}
	}
	put("settings", settings.String())
	for _, name := range slices.Sorted(maps.Keys(in.secrets)) {
		put("secrets/"+name, in.secrets[name])
	}
	if err = errors.Join(err, t.Close(), z.Close()); err != nil {
		return nil, "", fmt.Errorf("pack settings and secrets: %w", err)
	}
	line = "exec bash -c " + ssh.Quote(fmt.Sprintf(receive, len(archive)))
	return io.MultiReader(bytes.NewReader(archive), &values), line, nil
}

// apply puts the bundle on the machine and returns the lines of what was changed.
func apply(ctx context.Context, m *ssh.Machine, in bundleInputs, said func(string)) ([]string, error) {
	stdin, line, err := luggage(in)
	if err != nil {
		return nil, err
	}
	var changes []string
	result, err := m.Run(ctx, ssh.Command{Line: line, Stdin: stdin, Said: func(line string) {
		line = in.hide(line)
		changes = append(changes, line)
		said(line)
	}})
	switch {
	case err != nil:
		return changes, err
	case result.Exit != 0:
		return changes, fmt.Errorf("berth-host apply ended with exit code %d:\n%s", result.Exit, in.hide(lastLines(result.Stderr)))
	}
	return changes, nil
}

// state is what the machine has of a bundle; nil when it has nothing of it.
func state(ctx context.Context, m *ssh.Machine, name string) (*bundle.State, error) {
	result, err := m.Run(ctx, ssh.Command{Line: fmt.Sprintf(`h=${BERTH_ROOT-}%s; [ -f "$h" ] || exit 0; exec bash "$h" state --bundle %s`, bundle.ApplierPath, ssh.Quote(name))})
	switch {
	case err != nil:
		return nil, err
	case result.Exit != 0:
		return nil, fmt.Errorf("berth-host state ended with exit code %d:\n%s", result.Exit, lastLines(result.Stderr))
	}
	all, err := bundle.ParseState(bytes.NewReader(result.Stdout))
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Name == name {
			return &s, nil
		}
	}
	return nil, nil
}

// remove takes a bundle off the machine.
func remove(ctx context.Context, m *ssh.Machine, name string, said func(string)) error {
	result, err := m.Run(ctx, ssh.Command{Said: said,
		Line: fmt.Sprintf(`h=${BERTH_ROOT-}%s; [ -f "$h" ] || exit 0; exec bash "$h" remove %s`, bundle.ApplierPath, ssh.Quote(name))})
	switch {
	case err != nil:
		return err
	case result.Exit != 0:
		return fmt.Errorf("berth-host remove ended with exit code %d:\n%s", result.Exit, lastLines(result.Stderr))
	}
	return nil
}

// keys are the public halves of a machine's keys.
type keys struct {
	wireguard, authority string
	generation           int
}

// makeKeys makes the machine make its keys, or only tell them when they are there.
func makeKeys(ctx context.Context, m *ssh.Machine, generation int) (keys, error) {
	result, err := m.Run(ctx, ssh.Command{Stdin: strings.NewReader(bundle.KeysScript),
		Line: fmt.Sprintf(`exec bash -s -- "${BERTH_ROOT-}"%s %d`, bundle.KeysFolder, generation)})
	switch {
	case err != nil:
		return keys{}, err
	case result.Exit != 0:
		return keys{}, fmt.Errorf("berth-keys ended with exit code %d:\n%s", result.Exit, lastLines(result.Stderr))
	}
	k, err := parseKeys(result.Stdout)
	k.generation = generation
	return k, err
}

// readKeysOf tells the public halves without making anything; false when there are no keys.
func readKeysOf(ctx context.Context, m *ssh.Machine) (keys, bool, error) {
	// The private halves are none of its business: it names the three files that it reads.
	result, err := m.Run(ctx, ssh.Command{Line: fmt.Sprintf(`d=${BERTH_ROOT-}%s; [ -s "$d/generation" ] || exit 0
echo "generation=$(cat "$d/generation")"
echo "wireguard=$(cat "$d/wireguard.pub")"
echo "authority=$(base64 -w0 "$d/authority-trusted.crt")"`, bundle.KeysFolder)})
	switch {
	case err != nil:
		return keys{}, false, err
	case result.Exit != 0:
		return keys{}, false, fmt.Errorf("its keys in %s cannot be read:\n%s", bundle.KeysFolder, lastLines(result.Stderr))
	case len(result.Stdout) == 0:
		return keys{}, false, nil
	}
	k, err := parseKeys(result.Stdout)
	return k, true, err
}

func parseKeys(out []byte) (k keys, err error) {
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "wireguard":
			k.wireguard = value
		case "authority":
			k.authority = value
		case "generation":
			_, err = fmt.Sscan(value, &k.generation)
		}
	}
	raw, errKey := base64.StdEncoding.DecodeString(k.wireguard)
	_, errAuthority := base64.StdEncoding.DecodeString(k.authority)
	if err != nil || errKey != nil || errAuthority != nil || len(raw) != 32 || k.authority == "" {
		return k, fmt.Errorf("its keys in %s are damaged: make new ones with a larger generation", bundle.KeysFolder)
	}
	return k, nil
}

// lastLines is the end of what a command said on standard error.
func lastLines(stderr []byte) string {
	all := strings.Split(strings.TrimRight(string(stderr), "\n"), "\n")
	if over := len(all) - 40; over > 0 {
		all = append([]string{"…"}, all[over:]...)
	}
	for i, line := range all {
		all[i] = "  " + strings.ToValidUTF8(line, "?")
	}
	return strings.Join(all, "\n")
}

// hide takes secrets out of what a machine said: a step that prints one is a mistake that shall not spread.
func (in bundleInputs) hide(text string) string {
	text = strings.ToValidUTF8(text, "?")
	for _, value := range in.secrets {
		for line := range strings.Lines(value) {
			if line = strings.TrimSpace(line); len(line) >= 6 {
				text = strings.ReplaceAll(text, line, "[secret]")
			}
		}
	}
	return text
}
