package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// tokenTable says what is served: a line for each resource type and function.
//
//go:embed tokens.txt
var tokenTable string

// tables holds the tokens by Terraform type.
type tables struct {
	resources map[string]tokens.Type
	functions map[string]tokens.ModuleMember
}

func parseTables(text string) (tables, error) {
	t := tables{map[string]tokens.Type{}, map[string]tokens.ModuleMember{}}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, tf, ok := strings.Cut(line, " ")
		module, typ, cut := strings.Cut(name, "/")
		if !ok || !cut || typ == "" || !strings.HasPrefix(tf, "aws_") {
			return t, fmt.Errorf("tokens.txt:%d: %q is not of the form \"module/Type aws_terraform_type\"", i+1, line)
		}
		if strings.HasPrefix(typ, "get") {
			t.functions[tf] = tokens.ModuleMember(fmt.Sprintf("aws:%s/%s:%s", module, typ, typ))
			continue
		}
		t.resources[tf] = tokens.Type(fmt.Sprintf("aws:%s/%s:%s", module, lowerFirst(typ), typ))
	}
	return t, nil
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }
