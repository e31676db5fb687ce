package engine

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/berth-iac/berth/engine/redact"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"gopkg.in/yaml.v3"
)

// What a scratch stack is made from has no secrets, only fingerprints of them. So its passphrase is none either, and the
// key that Pulumi derives from it with a million rounds need not be derived for each stack of a fleet.
const (
	scratchPassphrase = "no secret is encrypted with this"
	scratchSalt       = "no-salt."
	scratchKey        = "1c30546a964a024736dda8de2daa5183d4d46b7b83201f777b1f85e6302c0e1e"
)

// exportedFolder is where the scratch stack of a preview against an exported state lies, until its session is closed.
func exportedFolder(root, stack string) string { return filepath.Join(root, ".berth", "from", stack) }

// checkFrom refuses what cannot be done against an exported state.
func (o Options) checkFrom(project string) error {
	switch {
	case o.From == nil:
		return nil
	case !o.Local:
		return errors.New("open a stack: an exported state is previewed on the embedded cloud only")
	case o.From.Stack != o.Stack, o.From.Project != project && !o.From.New:
		return fmt.Errorf("open stack %s of project %s: the exported state is of stack %s of project %s", o.Stack, project, o.From.Stack, o.From.Project)
	}
	return nil
}

// fromAllows refuses operations that would change what is not there.
func (s *Stack) fromAllows(operation Operation) error {
	switch operation {
	case Up, Refresh, Destroy, "import":
		if s.options.From != nil {
			return fmt.Errorf("%s of stack %s: against an exported state there are previews only", operation, s.options.Stack)
		}
	}
	return nil
}

// writeExported makes a scratch stack out of an exported state: its file, its state, and what decrypts both. The CLI is
// not asked: it would take four calls of a third of a second.
func (s *Stack) writeExported(ctx context.Context) error {
	key, err := hex.DecodeString(scratchKey)
	if err != nil {
		return fmt.Errorf("make a stack of the exported state: %w", err)
	}
	crypter := config.NewSymmetricCrypter(key)
	check, err := crypter.EncryptValue(ctx, "pulumi")
	if err != nil {
		return fmt.Errorf("make a stack of the exported state: %w", err)
	}
	salt := "v1:" + base64.StdEncoding.EncodeToString([]byte(scratchSalt)) + ":" + check
	if err := s.writeStandIns(ctx, crypter, salt); err != nil {
		return err
	}
	text, err := s.checkpoint(ctx, crypter, salt)
	if err != nil {
		return fmt.Errorf("read the exported state of stack %s: %w", s.options.Stack, err)
	}
	if err := makeFolders(filepath.Dir(s.stateFile())); err != nil {
		return err
	}
	meta := filepath.Join(s.dirs.state, ".pulumi", "meta.yaml")
	if err := replaceFile(meta, []byte("version: 1\n"), 0o600); err != nil {
		return err
	}
	return replaceFile(s.stateFile(), text, 0o600)
}

// checkpoint is the exported state as a file backend keeps it.
func (s *Stack) checkpoint(ctx context.Context, crypter config.Encrypter, salt string) ([]byte, error) {
	checkpoint := map[string]any{"stack": "organization/" + s.project + "/" + s.options.Stack}
	if s.options.From.New {
		return json.Marshal(map[string]any{"version": 3, "checkpoint": checkpoint})
	}
	var state map[string]any
	if err := json.Unmarshal(s.options.From.Deployment.Deployment, &state); err != nil {
		return nil, err
	}
	if err := seal(ctx, crypter, state); err != nil {
		return nil, err
	}
	state["secrets_providers"] = map[string]any{"type": "passphrase", "state": map[string]any{"salt": salt}}
	checkpoint["latest"] = state
	return json.Marshal(map[string]any{"version": s.options.From.Deployment.Version, "checkpoint": checkpoint})
}

// writeStandIns writes the copy of the stack's file in which the fingerprint of each secret stands for it, where the file
// has the ciphertext of the export. Where it has another, something new stands for it.
func (s *Stack) writeStandIns(ctx context.Context, crypter config.Encrypter, salt string) error {
	original, err := os.ReadFile(stackFile(s.options.Root, s.options.Stack))
	if err != nil {
		return fmt.Errorf("read the stack's file: %w", err)
	}
	ciphertexts, err := secretsOf(original)
	if err != nil {
		return err
	}
	from := s.options.From
	changed := from.Changed(ciphertexts)
	var document yaml.Node
	if err := yaml.Unmarshal(original, &document); err != nil {
		return fmt.Errorf("read the stack's file: %w", err)
	}
	root := mapping(&document)
	err = eachSecret(child(root, "config"), "", func(path string, secure *yaml.Node) error {
		standIn := from.Secrets[path].Fingerprint
		if slices.Contains(changed, path) {
			standIn = "changed-since-" + redact.Digest(ciphertexts[path])[:24] // as long as a fingerprint
		}
		sealed, err := crypter.EncryptValue(ctx, standIn)
		secure.Kind, secure.Tag, secure.Style, secure.Value = yaml.ScalarNode, "!!str", 0, sealed
		return err
	})
	if err != nil {
		return fmt.Errorf("set stand-ins for secrets: %w", err)
	}
	put(root, "encryptionsalt", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: salt})
	previous, err := yaml.Marshal(&document)
	if err != nil {
		return fmt.Errorf("write the local copy of the stack's file: %w", err)
	}
	text, missing, err := localConfig(original, previous, s.options.Edits)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("set stand-ins for secrets: there is none for %s", strings.Join(missing, ", "))
	}
	said := "compared with the state that was exported at " + from.At.Format(time.RFC3339)
	if from.New {
		said, changed = "compared with no state", nil
	}
	s.notes = append(s.notes, said+", without credentials or secrets: what a cloud would answer is the embedded cloud's word")
	for _, path := range changed {
		s.notes = append(s.notes, "the secret "+path+" is not encrypted as it was at the export, and counts as changed")
	}
	s.notes = append(s.notes, from.Notes...)
	return replaceFile(stackFile(s.dirs.work, s.options.Stack), text, 0o600)
}

// seal encrypts what is marked as secret in a state.
func seal(ctx context.Context, crypter config.Encrypter, v any) error {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["plaintext"].(string); ok && v["4dabf18193072939515e22adb298388d"] == "1b47061264138c4ac30d75fd1eb44270" {
			sealed, err := crypter.EncryptValue(ctx, text)
			if err != nil {
				return err
			}
			delete(v, "plaintext")
			v["ciphertext"] = sealed
			return nil
		}
		for _, field := range v {
			if err := seal(ctx, crypter, field); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range v {
			if err := seal(ctx, crypter, item); err != nil {
				return err
			}
		}
	}
	return nil
}

// secretsOf are the ciphertexts in a stack's file, by path.
func secretsOf(file []byte) (map[string]string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return nil, fmt.Errorf("read the stack's file: %w", err)
	}
	all := map[string]string{}
	err := eachSecret(child(mapping(&document), "config"), "", func(path string, secure *yaml.Node) error {
		all[path] = secure.Value
		return nil
	})
	return all, err
}

// eachSecret visits the ciphertexts below a node of a stack's file.
func eachSecret(value *yaml.Node, path string, visit func(path string, secure *yaml.Node) error) error {
	if value == nil {
		return nil
	}
	switch value.Kind {
	case yaml.MappingNode:
		if secure := child(value, "secure"); secure != nil && len(value.Content) == 2 {
			return visit(path, secure)
		}
		for i := 0; i+1 < len(value.Content); i += 2 {
			below := value.Content[i].Value
			if path != "" {
				below = join(path, below)
			}
			if err := eachSecret(value.Content[i+1], below, visit); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for i, element := range value.Content {
			if err := eachSecret(element, fmt.Sprintf("%s[%d]", path, i), visit); err != nil {
				return err
			}
		}
	}
	return nil
}

// Secrets are the secrets of the stack's file, by path: as the file has them, and in plain text. Of a local stack they are
// the stand-ins that its copy of the file has. Keep them in memory.
func (s *Stack) Secrets(ctx context.Context) (map[string]redact.Configured, error) {
	file, err := os.ReadFile(stackFile(s.options.Root, s.options.Stack))
	if err != nil {
		return nil, fmt.Errorf("read the stack's file: %w", err)
	}
	ciphertexts, err := secretsOf(file)
	if err != nil {
		return nil, err
	}
	all := map[string]redact.Configured{}
	if len(ciphertexts) == 0 {
		return all, nil
	}
	if err := s.begin(ctx, "export"); err != nil {
		return nil, err
	}
	values, err := s.stack.GetAllConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("decrypt the secrets of stack %s: %w", s.options.Stack, plain(err))
	}
	for path, ciphertext := range ciphertexts {
		value, err := configured(func(key string) (string, bool) { v, ok := values[key]; return v.Value, ok }, path, file)
		if err != nil {
			return nil, fmt.Errorf("decrypt the secrets of stack %s: %w", s.options.Stack, err)
		}
		all[path] = redact.Configured{Ciphertext: ciphertext, Value: value}
	}
	return all, nil
}

// configured finds the value at a path among decrypted values, each of which is a text or a JSON document.
func configured(get func(key string) (string, bool), path string, file []byte) (string, error) {
	if value, ok := get(path); ok {
		return value, nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(file, &document); err != nil {
		return "", err
	}
	top := child(mapping(&document), "config")
	for i := 0; top != nil && i+1 < len(top.Content); i += 2 {
		key := top.Content[i].Value
		value, ok := get(key)
		if !ok || !strings.HasPrefix(path, key) {
			continue
		}
		var whole any
		if err := json.Unmarshal([]byte(value), &whole); err != nil {
			continue
		}
		if found, ok := textAt(whole, key, path); ok {
			return found, nil
		}
	}
	return "", fmt.Errorf("there is no value for %s", path)
}

func textAt(v any, here, path string) (string, bool) {
	if text, ok := v.(string); ok && here == path {
		return text, true
	}
	switch v := v.(type) {
	case map[string]any:
		for key, field := range v {
			if text, ok := textAt(field, join(here, key), path); ok {
				return text, true
			}
		}
	case []any:
		for i, item := range v {
			if text, ok := textAt(item, fmt.Sprintf("%s[%d]", here, i), path); ok {
				return text, true
			}
		}
	}
	return "", false
}

// Export is the stack's state without its secrets. The fingerprints that stand for them are made with a key; nil: with one
// that is thrown away.
func (s *Stack) Export(ctx context.Context, key []byte) (*redact.Export, error) {
	state, err := s.State(ctx)
	if err != nil {
		return nil, err
	}
	secrets, err := s.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	update, err := s.LastUpdate(ctx)
	if err != nil {
		return nil, err
	}
	in := redact.Input{Project: s.project, Stack: s.options.Stack, At: s.options.Clock(), State: state, Config: secrets, Key: key}
	if update != nil {
		in.Update = &redact.Update{Version: update.Version, At: update.At, Config: update.Config}
	}
	return redact.Make(in)
}
