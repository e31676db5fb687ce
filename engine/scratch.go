package engine

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optrefresh"
	"github.com/pulumi/pulumi/sdk/v3/go/common/apitype"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"gopkg.in/yaml.v3"
)

// reading is what a provider said of one object: the resource, an error, or neither when it is not there.
type reading struct {
	Resource *apitype.ResourceV3
	Err      error
}

// readObjects has stubs of resources read by their providers.
type readObjects func(ctx context.Context, state *apitype.DeploymentV3, stubs []apitype.ResourceV3) ([]reading, error)

func (s *Stack) reader() readObjects {
	if s.read != nil {
		return s.read
	}
	return s.readInScratch
}

// stub is a resource of which no more is known than its id. A provider that reads one without properties takes
// it for an import, so that nothing of what the program asked for passes for what the cloud has.
func stub(created apitype.ResourceV3, id string) apitype.ResourceV3 {
	r := apitype.ResourceV3{URN: created.URN, Type: created.Type, Custom: true, Provider: created.Provider,
		AdditionalSecretOutputs: created.AdditionalSecretOutputs, CustomTimeouts: created.CustomTimeouts}
	r.ID = resource.ID(id)
	r.Inputs, r.Outputs = map[string]any{}, map[string]any{}
	return r
}

// readInScratch reads them with `pulumi refresh` in a stack of its own, in a file backend that is removed
// afterwards: what an object is does not touch the stack's state before it is known whose it is. The providers
// are those of the state, with their settings; the environment is the stack's.
func (s *Stack) readInScratch(ctx context.Context, state *apitype.DeploymentV3, stubs []apitype.ResourceV3) ([]reading, error) {
	dir, err := os.MkdirTemp("", "berth-settle-")
	if err != nil {
		return nil, fmt.Errorf("make a folder to read resources in: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	project := fmt.Sprintf("name: %s\nruntime: go\n", s.project)
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.yaml"), []byte(project), 0o600); err != nil {
		return nil, fmt.Errorf("make a folder to read resources in: %w", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		return nil, fmt.Errorf("make a folder to read resources in: %w", err)
	}
	nothing := func(*pulumi.Context) error { return nil }
	workspace, err := auto.NewLocalWorkspace(ctx, auto.WorkDir(dir), auto.Program(nothing), auto.Pulumi(s.command),
		auto.SecretsProvider("passphrase"), auto.EnvVars(map[string]string{
			"PULUMI_BACKEND_URL":            "file://" + filepath.Join(dir, "state") + "?metadata=skip",
			"PULUMI_CONFIG_PASSPHRASE":      rand.Text(),
			"PULUMI_CONFIG_PASSPHRASE_FILE": "",
			// Only what is there counts. The newer way also has the provider compare it with the stub's inputs, and
			// refuse them.
			"PULUMI_ENABLE_LEGACY_REFRESH_DIFF": "true",
		}))
	if err != nil {
		return nil, fmt.Errorf("make a stack to read resources in: %w", err)
	}
	scratch, err := auto.NewStack(ctx, s.options.Stack, workspace)
	if err != nil {
		return nil, fmt.Errorf("make a stack to read resources in: %w", plain(err))
	}
	secrets, err := scratchSecrets(stackFile(dir, s.options.Stack))
	if err != nil {
		return nil, err
	}
	readings, err := refreshStubs(ctx, &scratch, state, secrets, stubs)
	if err == nil || len(stubs) == 1 {
		return readings, err
	}
	// One that cannot be read stops the others: one by one, then.
	readings = nil
	for _, one := range stubs {
		alone, err := refreshStubs(ctx, &scratch, state, secrets, []apitype.ResourceV3{one})
		if err != nil {
			return nil, err
		}
		readings = append(readings, alone...)
	}
	return readings, nil
}

// scratchSecrets is what encrypts the secrets of a scratch stack: its passphrase, with the salt from its file.
func scratchSecrets(file string) (*apitype.SecretsProvidersV1, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the file of a stack to read resources in: %w", err)
	}
	var settings struct {
		Salt string `yaml:"encryptionsalt"`
	}
	if err := yaml.Unmarshal(text, &settings); err != nil || settings.Salt == "" {
		return nil, fmt.Errorf("read the file of a stack to read resources in: it has no encryptionsalt (%w)", err)
	}
	state, err := json.Marshal(map[string]string{"salt": settings.Salt})
	if err != nil {
		return nil, err
	}
	return &apitype.SecretsProvidersV1{Type: "passphrase", State: state}, nil
}

// refreshStubs reads stubs in a stack. A single stub's error is its reading.
func refreshStubs(ctx context.Context, scratch *auto.Stack, state *apitype.DeploymentV3,
	secrets *apitype.SecretsProvidersV1, stubs []apitype.ResourceV3) ([]reading, error) {
	deployment := apitype.DeploymentV3{Manifest: state.Manifest, SecretsProviders: secrets}
	for _, r := range state.Resources {
		if strings.HasPrefix(string(r.Type), "pulumi:providers:") && !r.Delete {
			r.Parent, r.Dependencies, r.PropertyDependencies, r.DeletedWith = "", nil, nil, ""
			deployment.Resources = append(deployment.Resources, r)
		}
	}
	deployment.Resources = append(deployment.Resources, stubs...)
	text, err := json.Marshal(deployment)
	if err != nil {
		return nil, fmt.Errorf("write the state of a stack to read resources in: %w", err)
	}
	if err := scratch.Import(ctx, apitype.UntypedDeployment{Version: 3, Deployment: text}); err != nil {
		return nil, fmt.Errorf("write the state of a stack to read resources in: %w", plain(err))
	}
	var targets []string
	for _, one := range stubs {
		targets = append(targets, string(one.URN))
	}
	var said strings.Builder
	_, err = scratch.Refresh(ctx, optrefresh.Target(targets), optrefresh.ProgressStreams(&said), optrefresh.ErrorProgressStreams(&said),
		optrefresh.SuppressProgress(), optrefresh.SuppressOutputs(), optrefresh.Color("never"), optrefresh.ShowSecrets(false))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && len(stubs) == 1:
		return []reading{{Err: errors.New(headline(said.String(), err))}}, nil
	case err != nil:
		return nil, fmt.Errorf("read resources: %w", plain(err))
	}
	untyped, err := scratch.Export(ctx)
	if err != nil {
		return nil, fmt.Errorf("read resources: %w", plain(err))
	}
	var after apitype.DeploymentV3
	if err := json.Unmarshal(untyped.Deployment, &after); err != nil {
		return nil, fmt.Errorf("read resources: %w", err)
	}
	readings := make([]reading, len(stubs))
	for i, one := range stubs {
		for _, r := range after.Resources {
			if r.URN == one.URN && r.ID != "" {
				readings[i].Resource = &r
			}
		}
	}
	return readings, nil
}

// headline is what a failed refresh has to say of its resource, on one line.
func headline(said string, err error) string {
	var words []string
	heard := false
	for line := range strings.SplitSeq(said, "\n") {
		line = strings.TrimSpace(line)
		text, found := strings.CutPrefix(line, "error: ")
		switch {
		case found:
			heard = text != "update failed"
			line = text
		case strings.HasPrefix(line, "Resources:"), strings.HasPrefix(line, "pulumi:pulumi:Stack"):
			heard = false
		}
		if heard && line != "" {
			words = append(words, line)
		}
	}
	if len(words) == 0 {
		return plain(err).Error()
	}
	return strings.Join(words, " ")
}
