// Package cli finds the Pulumi CLI of the one version that this project is
// tested with, and runs it for the Automation API: with exactly the environment
// it is given, in a process group of its own, so that an interrupt at the
// terminal reaches it once, and so that a killed parent does not break an
// update in mid-air.
//
// It knows nothing of stacks, programs or clouds, and it reads no environment:
// what it needs is passed in.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/blang/semver"
)

// Version is the version of the CLI, without "v".
const Version = "3.253.0"

// MissingError says that no usable CLI was found, and where it was looked for.
type MissingError struct {
	Tried []string // one line for each place, with what was found there
}

func (e *MissingError) Error() string {
	return "no Pulumi CLI " + Version + " or later: " + strings.Join(e.Tried, "; ") +
		"\nbuild it with `make pulumi` (a few minutes, once), or name one with --pulumi or BERTH_PULUMI"
}

// Built is where `make pulumi` puts the CLI below the user's cache directory.
func Built(cacheDir string) string {
	return filepath.Join(cacheDir, "berth", "pulumi-v"+Version, "bin", "pulumi")
}

// Find returns the path of a usable CLI: the one that is named, else the one that `make pulumi` built,
// else the one on searchPath (a PATH), when it is of Version or later.
func Find(ctx context.Context, named, cacheDir, searchPath string) (string, error) {
	missing := &MissingError{}
	if named != "" {
		return check(ctx, named, missing)
	}
	if cacheDir != "" {
		if path, err := check(ctx, Built(cacheDir), missing); err == nil {
			return path, nil
		}
	}
	for _, dir := range filepath.SplitList(searchPath) {
		path := filepath.Join(dir, "pulumi")
		if _, err := os.Stat(path); dir == "" || err != nil {
			continue
		}
		return check(ctx, path, missing)
	}
	missing.Tried = append(missing.Tried, "none on PATH")
	return "", missing
}

func check(ctx context.Context, path string, missing *MissingError) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find the Pulumi CLI %s: %w", path, err)
	}
	// The folder's name tells the version of the one that was built here; asking it would cost a third of a second.
	if _, err := os.Stat(absolute); err == nil && strings.HasSuffix(absolute, Built("")) {
		return absolute, nil
	}
	version, err := VersionOf(ctx, absolute)
	if err != nil {
		missing.Tried = append(missing.Tried, err.Error())
		return "", missing
	}
	if version.LT(semver.MustParse(Version)) {
		missing.Tried = append(missing.Tried, fmt.Sprintf("%s is %s", absolute, version))
		return "", missing
	}
	return absolute, nil
}

// VersionOf asks the CLI at path for its version.
func VersionOf(ctx context.Context, path string) (semver.Version, error) {
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return semver.Version{}, fmt.Errorf("%s is not there", path)
	}
	cmd := exec.CommandContext(ctx, path, "version")
	cmd.Env = []string{"PULUMI_SKIP_UPDATE_CHECK=true"}
	out, err := cmd.Output()
	if err != nil {
		return semver.Version{}, fmt.Errorf("%s does not run: %w", path, err)
	}
	version, err := semver.ParseTolerant(strings.TrimSpace(string(out)))
	if err != nil {
		return semver.Version{}, fmt.Errorf("%s calls its version %q", path, strings.TrimSpace(string(out)))
	}
	return version, nil
}
