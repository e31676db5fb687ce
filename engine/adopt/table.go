package adopt

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed aws.yaml cloudflare.yaml hcloud.yaml machine.yaml
var tables embed.FS

// row is what is known of one resource type; see aws.yaml.
type row struct {
	Repeat   string              `yaml:"repeat"`
	Needs    []string            `yaml:"needs"`
	ID       string              `yaml:"id"`
	Only     map[string]string   `yaml:"only"`
	EC2      string              `yaml:"ec2"`
	Service  string              `yaml:"service"`
	ARN      string              `yaml:"arn"`
	Person   string              `yaml:"person"`
	Same     []string            `yaml:"same"`
	Untagged string              `yaml:"untagged"`
	Finished map[string][]string `yaml:"finished"`
	Gone     string              `yaml:"gone"`
	Finish   string              `yaml:"finish"`

	arn, gone *regexp.Regexp
}

// revokeDefaultEgress is the one thing that is finished here; see Finder.Finish.
const revokeDefaultEgress = "revokeDefaultEgress"

// read reads the tables.
func read() (map[string]*row, error) {
	rows := map[string]*row{}
	for _, name := range []string{"aws.yaml", "cloudflare.yaml", "hcloud.yaml", "machine.yaml"} {
		text, err := tables.ReadFile(name)
		if err != nil {
			return nil, err
		}
		more := map[string]*row{}
		decoder := yaml.NewDecoder(bytes.NewReader(text))
		decoder.KnownFields(true)
		if err := decoder.Decode(&more); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		for kind, r := range more {
			if err := r.prepare(); err != nil {
				return nil, fmt.Errorf("read %s: %s: %w", name, kind, err)
			}
			rows[kind] = r
		}
	}
	return rows, nil
}

func (r *row) prepare() (err error) {
	ways := 0
	for _, way := range []string{r.Repeat, r.EC2, r.ARN, r.Person} {
		if way != "" {
			ways++
		}
	}
	if r.ID != "" && r.ARN == "" {
		ways++
	}
	if ways != 1 || (r.ARN == "") != (r.Service == "") {
		return fmt.Errorf("it says %d of repeat, id, ec2, arn with service, and person; it has to say one", ways)
	}
	if r.Finish != "" && r.Finish != revokeDefaultEgress {
		return fmt.Errorf("finish is %q; the one that is known is %s", r.Finish, revokeDefaultEgress)
	}
	if r.ARN != "" {
		if r.arn, err = regexp.Compile(r.ARN); err != nil {
			return err
		}
	}
	if r.Gone != "" {
		r.gone, err = regexp.Compile(r.Gone)
	}
	return err
}

var hole = regexp.MustCompile(`\{([^{}]*)\}`)

// fill fills a template in. missing is the first hole for which there is no value.
func fill(template string, value func(name string) string) (text, missing string) {
	text = hole.ReplaceAllStringFunc(template, func(match string) string {
		inner := match[1 : len(match)-1]
		for name := range strings.SplitSeq(inner, "|") {
			if quoted, ok := strings.CutPrefix(name, "'"); ok {
				return strings.TrimSuffix(quoted, "'")
			}
			how, name, found := strings.Cut(name, ":")
			if !found {
				how, name = "", how
			}
			v := value(name)
			switch how {
			case "last":
				v = v[strings.LastIndexAny(v, "/:")+1:]
			case "host":
				v = strings.TrimPrefix(v, "https://")
			}
			if v != "" {
				return v
			}
		}
		if missing == "" {
			missing = inner
		}
		return ""
	})
	return text, missing
}
