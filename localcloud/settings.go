package localcloud

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// DefaultAccount is the AWS account of providers that name none.
const DefaultAccount = "123456789012"

// settings are what one provider resource is configured with. A program may have several providers of a
// package, one for each region or account; each has its own connection, and so its own settings.
type settings struct {
	pkg         string
	region      string
	account     string
	partition   string
	defaultTags map[string]string
}

var regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// settingsOf reads a provider's configuration. All problems are reported at once.
func settingsOf(pkg string, args resource.PropertyMap) (settings, error) {
	s := settings{pkg: pkg}
	if pkg != "aws" {
		return s, nil
	}
	s.region = text(args["region"])
	var errs []error
	switch {
	case s.region == "":
		errs = append(errs, errors.New("missing region configuration: set the provider's region, "+
			"or run `pulumi config set aws:region eu-west-2`"))
	case !regionForm.MatchString(s.region):
		errs = append(errs, fmt.Errorf("invalid AWS Region: %s", s.region))
	}
	s.partition = partitionOf(s.region)

	allowed, err := textsOf(args["allowedAccountIds"])
	errs = append(errs, err)
	forbidden, err := textsOf(args["forbiddenAccountIds"])
	errs = append(errs, err)
	if len(allowed) > 0 && len(forbidden) > 0 {
		errs = append(errs, errors.New(`"allowedAccountIds": conflicts with forbiddenAccountIds: give one of them`))
	}
	role, err := roleAccount(args)
	errs = append(errs, err)
	first := ""
	if len(allowed) > 0 {
		first = allowed[0]
	}
	s.account = cmp.Or(role, first, DefaultAccount)
	if slices.Contains(forbidden, s.account) || len(allowed) > 0 && !slices.Contains(allowed, s.account) {
		errs = append(errs, fmt.Errorf("AWS account ID not allowed: %s", s.account))
	}
	if len(s.account) != 12 || strings.Trim(s.account, "0123456789") != "" {
		errs = append(errs, fmt.Errorf("an AWS account id has 12 digits: %q", s.account))
	}
	s.defaultTags, err = tagsOf(args["defaultTags"])
	return s, errors.Join(append(errs, err)...)
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// structured undoes the engine's habit of sending lists and maps of a provider's configuration as JSON text.
func structured(v resource.PropertyValue) (resource.PropertyValue, error) {
	v = deepBare(v)
	if !v.IsString() || v.StringValue() == "" {
		return v, nil
	}
	var plain any
	if err := json.Unmarshal([]byte(v.StringValue()), &plain); err != nil {
		return v, nil //nolint:nilerr // plain text is what it seems
	}
	return resource.NewPropertyValue(plain), nil
}

func textsOf(v resource.PropertyValue) ([]string, error) {
	v, err := structured(v)
	if err != nil || empty(v) {
		return nil, err
	}
	var texts []string
	for _, item := range gather(v, "") {
		texts = append(texts, text(item))
	}
	return texts, nil
}

func tagsOf(v resource.PropertyValue) (map[string]string, error) {
	v, err := structured(v)
	if err != nil || empty(v) {
		return nil, err
	}
	if !v.IsObject() {
		return nil, errors.New(`"defaultTags": expected an object with "tags"`)
	}
	tags := map[string]string{}
	inner := v.ObjectValue()["tags"]
	if inner.IsObject() {
		for name, value := range inner.ObjectValue() {
			tags[string(name)] = text(value)
		}
	}
	return tags, nil
}

// roleAccount is the account of the last role that the provider assumes; empty when it assumes none.
func roleAccount(args resource.PropertyMap) (string, error) {
	account := ""
	for _, name := range []resource.PropertyKey{"assumeRole", "assumeRoles"} {
		v, err := structured(args[name])
		if err != nil {
			return "", err
		}
		for _, arn := range gather(v, "roleArn") {
			parts := strings.Split(text(arn), ":")
			if len(parts) < 6 || parts[0] != "arn" || parts[2] != "iam" {
				return "", fmt.Errorf("%q: %q is no ARN of a role", name, text(arn))
			}
			account = parts[4]
		}
	}
	return account, nil
}

// configProblems names the configuration keys that the provider does not have.
func configProblems(known []string, args resource.PropertyMap) map[string]string {
	problems := map[string]string{}
	for name := range args {
		switch {
		case name == "version", name == "pluginDownloadURL", strings.HasPrefix(string(name), "__"):
		case !slices.Contains(known, string(name)):
			problems[string(name)] = fmt.Sprintf("the provider has no configuration key %q%s", name, suggestion(string(name), known))
		}
	}
	return problems
}

// suggestion is a phrase with the names that are most like a wrong one.
func suggestion(wrong string, names []string) string {
	near := slices.Clone(names)
	slices.SortStableFunc(near, func(a, b string) int { return distance(wrong, a) - distance(wrong, b) })
	if len(near) == 0 {
		return ""
	}
	if distance(wrong, near[0]) <= 1+len(wrong)/4 {
		return fmt.Sprintf("; did you mean %q?", near[0])
	}
	slices.Sort(near)
	return "; there are " + strings.Join(near, ", ")
}

// distance is the number of letters to change, add or drop between two names, capitals aside.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
