package release

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx"
	"github.com/spdx/tools-golang/spdx/v2/common"
)

const noAssertion = "NOASSERTION"

var notInIDs = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// sbom lists what an architecture's program was built from, as SPDX 2.3: the modules that are linked in, Go's own library, and the
// archive that they are in. Licences are not asserted: build information has none.
func sbom(m Manifest, arch string, info *debug.BuildInfo, archive File) ([]byte, error) {
	root := &spdx.Package{
		PackageName: Program, PackageSPDXIdentifier: "Package-taskflow", PackageVersion: m.Version, PackageFileName: archive.Name,
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
		PackageChecksums: []common.Checksum{{Algorithm: common.SHA256, Value: archive.SHA256}}, IsFilesAnalyzedTagPresent: true,
		PrimaryPackagePurpose: "APPLICATION", PackageSourceInfo: "built from commit " + m.Commit + " of " + info.Main.Path + " with " + info.GoVersion,
	}
	doc := &spdx.Document{
		SPDXVersion: spdx.Version, DataLicense: spdx.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: strings.TrimSuffix(archive.Name, ".tar.gz") + "-" + m.Version,
		DocumentNamespace: "https://spdx.org/spdxdocs/" + strings.TrimSuffix(archive.Name, ".tar.gz") + "-" + archive.SHA256,
		CreationInfo:      &spdx.CreationInfo{Created: m.Time.Format(time.RFC3339), Creators: []common.Creator{{CreatorType: "Tool", Creator: "taskflow-release"}}},
		Packages:          []*spdx.Package{root},
		Relationships: []*spdx.Relationship{{
			RefA: common.MakeDocElementID("", "DOCUMENT"), RefB: common.MakeDocElementID("", string(root.PackageSPDXIdentifier)), Relationship: common.TypeRelationshipDescribe,
		}},
	}
	add := func(path, version, purl, note string) {
		id := common.ElementID("Package-" + strings.Trim(notInIDs.ReplaceAllString(path+"-"+version, "-"), "-"))
		doc.Packages = append(doc.Packages, &spdx.Package{
			PackageName: path, PackageSPDXIdentifier: id, PackageVersion: version, PackageDownloadLocation: noAssertion, IsFilesAnalyzedTagPresent: true,
			PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion, PrimaryPackagePurpose: "LIBRARY",
			PackageSourceInfo:         note,
			PackageExternalReferences: []*spdx.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl}},
		})
		doc.Relationships = append(doc.Relationships, &spdx.Relationship{
			RefA: common.MakeDocElementID("", string(root.PackageSPDXIdentifier)), RefB: common.MakeDocElementID("", string(id)), Relationship: common.TypeRelationshipDependsOn,
		})
	}
	// toolchain names of development versions have more behind a space
	release, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	add("stdlib", release, packageURL("stdlib", release), "Go's standard library")
	deps := slices.Clone(info.Deps)
	slices.SortFunc(deps, func(a, b *debug.Module) int { return strings.Compare(a.Path, b.Path) })
	for _, dep := range deps {
		if dep.Replace != nil {
			dep = dep.Replace
		}
		note := ""
		if dep.Sum != "" {
			note = "checksum of the module as in go.sum: " + dep.Sum
		}
		add(dep.Path, dep.Version, packageURL(dep.Path, dep.Version), note)
	}
	var text bytes.Buffer
	if err := spdxjson.Write(doc, &text, spdxjson.Indent("  ")); err != nil {
		return nil, fmt.Errorf("write the SBOM of %s: %w", arch, err)
	}
	return text.Bytes(), nil
}

// packageURL names a module as vulnerability scanners look it up.
func packageURL(path, version string) string {
	escape := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~/:", c) >= 0 {
				b.WriteByte(c)
			} else {
				b.WriteString("%" + strings.ToUpper(hex.EncodeToString([]byte{c})))
			}
		}
		return b.String()
	}
	return "pkg:golang/" + escape(strings.ToLower(path)) + "@" + escape(version)
}
