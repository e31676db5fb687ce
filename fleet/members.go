package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/berth-iac/berth/spec"
)

// Members reads every Pulumi.<stack>.yaml of a folder, several at once. They are sorted by stack. A file that cannot be read, or that
// is not valid, becomes a member with its problems. now decides which dates in the files lie in the past.
func Members(ctx context.Context, root string, now time.Time) ([]Member, error) {
	entries, err := os.ReadDir(root) // not by pattern: a folder's name may hold signs that mean something in one
	if err != nil {
		return nil, fmt.Errorf("list the stacks: %w", err)
	}
	members := []Member{}
	for _, entry := range entries {
		name, ok := strings.CutPrefix(entry.Name(), "Pulumi.")
		if name, file := strings.CutSuffix(name, ".yaml"); ok && file && name != "" {
			members = append(members, Member{Stack: name})
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Stack, b.Stack) })
	var (
		next    atomic.Int64
		readers sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		readers.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(members) {
					return
				}
				members[i] = read(root, members[i].Stack, now)
			}
		})
	}
	readers.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return members, nil
}

// read makes a member of one stack's file.
func read(root, stack string, now time.Time) (m Member) {
	file := "Pulumi." + stack + ".yaml"
	// A file that makes the reader panic is unreadable, and no other is for that.
	defer func() {
		if r := recover(); r != nil {
			m = Member{Stack: stack, Problems: []string{fmt.Sprintf("%s cannot be read: %v", file, r)}}
		}
	}()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		return Member{Stack: stack, Problems: []string{"read the stack's file: " + err.Error()}}
	}
	sum := sha256.Sum256(text)
	m = Member{Stack: stack, Digest: hex.EncodeToString(sum[:])}
	described, err := spec.DecodeFile(file, text, spec.Options{Now: now})
	if err != nil {
		m.Problems = []string{err.Error()}
		var problems spec.Problems
		if errors.As(err, &problems) {
			m.Problems = nil
			for _, p := range problems {
				m.Problems = append(m.Problems, p.String())
			}
		}
		return m
	}
	m.describe(described)
	return m
}

// describe fills in what a stack's file says.
func (m *Member) describe(s *spec.Spec) {
	about, place := s.Summary(), s.Fleet()
	m.Kind, m.Client, m.Environment, m.Where, m.Wave = s.Kind, about.Name, about.Environment, about.Where, place.Wave
	m.Own = own(s)
	switch {
	case s.AWSClient != nil:
		m.Tier, m.Release = s.AWSClient.Tier, s.AWSClient.Service.Release.Version
	case s.LightClient != nil:
		m.Release = s.LightClient.Release.Version
	case s.SiteClient != nil:
		m.Tier, m.Release = s.SiteClient.Tier, s.SiteClient.Release.Version
	case s.OnPremises != nil:
		m.Release = s.OnPremises.Release.Version
	}
	for _, label := range place.Labels {
		if m.Labels == nil {
			m.Labels = make(map[string]string, len(place.Labels))
		}
		key, value, _ := strings.Cut(label, "=")
		m.Labels[key] = value
	}
}
