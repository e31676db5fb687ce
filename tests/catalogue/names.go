package catalogue

import "strings"

// camel writes a Terraform name as Pulumi does: cidr_block, cidrBlock.
func camel(name string) string {
	parts := strings.Split(name, "_")
	for i, p := range parts {
		if i > 0 && p != "" {
			parts[i] = strings.ToUpper(p[:1]) + p[1:]
		}
	}
	return strings.Join(parts, "")
}

// propertyNames lists what a Terraform name may be in Pulumi, likeliest first:
// lists are in the plural there, blocks of which there is at most one in the singular.
func propertyNames(name string) []string {
	c := camel(name)
	return append([]string{c}, append(plurals(c), singulars(c)...)...)
}

func plurals(s string) []string {
	switch {
	case strings.HasSuffix(s, "y"):
		return []string{s[:len(s)-1] + "ies", s + "s"}
	case strings.HasSuffix(s, "s"), strings.HasSuffix(s, "x"), strings.HasSuffix(s, "ch"), strings.HasSuffix(s, "sh"):
		return []string{s + "es", s + "s"}
	case strings.HasSuffix(s, "o"):
		return []string{s + "es", s + "s"}
	}
	return []string{s + "s"}
}

func singulars(s string) []string {
	var out []string
	if t, ok := strings.CutSuffix(s, "ies"); ok {
		out = append(out, t+"y")
	}
	if t, ok := strings.CutSuffix(s, "es"); ok {
		out = append(out, t)
	}
	if t, ok := strings.CutSuffix(s, "s"); ok {
		out = append(out, t)
	}
	return out
}
