package localcloud

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/archive"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/asset"
)

// Secrets never lie on the disk. What is stored is a keyed digest: enough to tell whether the cloud still
// holds the value that Pulumi's state knows, not enough to get at it. The key is the directory's own.
type sealer struct{ key []byte }

// seal replaces every secret in a value by its digest.
func (s sealer) seal(v resource.PropertyValue) resource.PropertyValue {
	inner, secret := bare(v)
	switch {
	case secret:
		return resource.MakeSecret(resource.NewStringProperty(s.digest(inner)))
	case inner.IsArray():
		items := make([]resource.PropertyValue, len(inner.ArrayValue()))
		for i, item := range inner.ArrayValue() {
			items[i] = s.seal(item)
		}
		return resource.NewArrayProperty(items)
	case inner.IsObject():
		return resource.NewObjectProperty(s.sealMap(inner.ObjectValue()))
	}
	return inner
}

func (s sealer) sealMap(props resource.PropertyMap) resource.PropertyMap {
	sealed := resource.PropertyMap{}
	for name, v := range props {
		sealed[name] = s.seal(v)
	}
	return sealed
}

func (s sealer) digest(v resource.PropertyValue) string {
	raw, err := json.Marshal(encode(deepBare(v)))
	if err != nil { // only NaN and infinities, which no program can send
		raw = []byte(err.Error())
	}
	mac := hmac.New(sha256.New, s.key)
	mac.Write(raw)
	return hex.EncodeToString(mac.Sum(nil))
}

// changedSecret stands in state for a secret that was changed behind Pulumi's back: its value is not known.
const changedSecret = "(changed outside of this program)"

// unseal puts the secrets back from what Pulumi's state knows. A secret that the state has another value for
// reads as changed; one that the state does not have at all is left out, as clouds do with passwords.
func (s sealer) unseal(v, known resource.PropertyValue) (resource.PropertyValue, bool) {
	known, _ = bare(known)
	switch {
	case v.IsSecret():
		switch {
		case known.IsNull():
			return absent, false
		case s.digest(known) == v.SecretValue().Element.StringValue():
			return resource.MakeSecret(known), true
		}
		return resource.MakeSecret(resource.NewStringProperty(changedSecret)), true
	case v.IsArray():
		items := make([]resource.PropertyValue, 0, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			k := absent
			if known.IsArray() && i < len(known.ArrayValue()) {
				k = known.ArrayValue()[i]
			}
			if item, ok := s.unseal(item, k); ok {
				items = append(items, item)
			}
		}
		return resource.NewArrayProperty(items), true
	case v.IsObject():
		k := resource.PropertyMap{}
		if known.IsObject() {
			k = known.ObjectValue()
		}
		return resource.NewObjectProperty(s.unsealMap(v.ObjectValue(), k)), true
	}
	return v, true
}

func (s sealer) unsealMap(props, known resource.PropertyMap) resource.PropertyMap {
	open := resource.PropertyMap{}
	for name, v := range props {
		if v, ok := s.unseal(v, known[name]); ok {
			open[name] = v
		}
	}
	return open
}

// The keys that stand for what JSON has no form for. Keys of a program that begin alike get one more dollar.
const (
	secretKey  = "$secret"
	assetKey   = "$asset"
	archiveKey = "$archive"
)

// encode makes a sealed value fit for JSON.
func encode(v resource.PropertyValue) any {
	switch {
	case v.IsBool():
		return v.BoolValue()
	case v.IsNumber():
		return v.NumberValue()
	case v.IsString():
		return v.StringValue()
	case v.IsSecret():
		return map[string]any{secretKey: v.SecretValue().Element.StringValue()}
	case v.IsAsset():
		return map[string]any{assetKey: v.AssetValue().Hash}
	case v.IsArchive():
		return map[string]any{archiveKey: v.ArchiveValue().Hash}
	case v.IsArray():
		items := make([]any, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			items[i] = encode(item)
		}
		return items
	case v.IsObject():
		return encodeMap(v.ObjectValue())
	}
	return nil
}

func encodeMap(props resource.PropertyMap) map[string]any {
	fields := make(map[string]any, len(props))
	for name, v := range props {
		key := string(name)
		if strings.HasPrefix(key, "$") {
			key = "$" + key
		}
		fields[key] = encode(v)
	}
	return fields
}

func decode(v any) (resource.PropertyValue, error) {
	switch v := v.(type) {
	case nil:
		return absent, nil
	case bool:
		return resource.NewBoolProperty(v), nil
	case float64:
		return resource.NewNumberProperty(v), nil
	case string:
		return resource.NewStringProperty(v), nil
	case []any:
		items := make([]resource.PropertyValue, len(v))
		for i, item := range v {
			var err error
			if items[i], err = decode(item); err != nil {
				return absent, err
			}
		}
		return resource.NewArrayProperty(items), nil
	case map[string]any:
		if digest, ok := v[secretKey].(string); ok {
			return resource.MakeSecret(resource.NewStringProperty(digest)), nil
		}
		if hash, ok := v[assetKey].(string); ok {
			return resource.NewAssetProperty(&asset.Asset{Sig: asset.AssetSig, Hash: hash}), nil
		}
		if hash, ok := v[archiveKey].(string); ok {
			return resource.NewArchiveProperty(&archive.Archive{Sig: archive.ArchiveSig, Hash: hash}), nil
		}
		fields, err := decodeMap(v)
		return resource.NewObjectProperty(fields), err
	}
	return absent, fmt.Errorf("a stored value has the unknown form %T", v)
}

func decodeMap(fields map[string]any) (resource.PropertyMap, error) {
	props := make(resource.PropertyMap, len(fields))
	for name, field := range fields {
		v, err := decode(field)
		if err != nil {
			return nil, err
		}
		props[resource.PropertyKey(strings.TrimPrefix(name, "$"))] = v
	}
	return props, nil
}

// reveal is a sealed value for a person to read: plain Go values, secrets as "[secret]".
func reveal(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return "[secret]"
	case v.IsAsset():
		return "[asset " + v.AssetValue().Hash + "]"
	case v.IsArchive():
		return "[archive " + v.ArchiveValue().Hash + "]"
	case v.IsArray():
		items := make([]any, len(v.ArrayValue()))
		for i, item := range v.ArrayValue() {
			items[i] = reveal(item)
		}
		return items
	case v.IsObject():
		fields := map[string]any{}
		for name, field := range v.ObjectValue() {
			fields[string(name)] = reveal(field)
		}
		return fields
	}
	return encode(v)
}
