package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"strings"
	"sync"
)

// AssetPrefix is the path below which the assets are expected.
const AssetPrefix = "/assets/"

// AssetCacheControl is the Cache-Control of every asset: its name holds the hash of its content, so that it never changes.
const AssetCacheControl = "public, max-age=31536000, immutable"

// ContentSecurityPolicy is the policy that the pages are written for (AS-2): nothing inline, nothing from elsewhere.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Asset is one file that the pages need.
type Asset struct {
	Name string // with the hash: "app.0123456789ab.css"
	Type string // for Content-Type
	Hash string // SHA-256 in hexadecimal, for an ETag
	Body []byte
	Gzip []byte // the same, compressed; nil where that saves nothing
}

//go:embed static
var staticFiles embed.FS

// assets are read, hashed and compressed once; they never change afterwards.
var assets = sync.OnceValue(load)

type loaded struct {
	byName map[string]Asset  // by the name with the hash
	names  map[string]string // from the plain name to that
}

var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func load() loaded {
	all := loaded{byName: map[string]Asset{}, names: map[string]string{}}
	files, _ := staticFiles.ReadDir("static") // embedded: it cannot fail
	for _, file := range files {
		kind, served := assetTypes[path.Ext(file.Name())]
		if !served { // a licence
			continue
		}
		body, _ := staticFiles.ReadFile("static/" + file.Name())
		sum := sha256.Sum256(body)
		hash := hex.EncodeToString(sum[:])
		ext := path.Ext(file.Name())
		a := Asset{
			Name: fmt.Sprintf("%s.%s%s", strings.TrimSuffix(file.Name(), ext), hash[:12], ext),
			Type: kind, Hash: hash, Body: body, Gzip: compress(body),
		}
		all.byName[a.Name] = a
		all.names[file.Name()] = a.Name
	}
	return all
}

func compress(body []byte) []byte {
	var buf bytes.Buffer
	z, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err := z.Write(body); err != nil || z.Close() != nil || buf.Len() >= len(body) {
		return nil
	}
	return buf.Bytes()
}

// Assets are all assets by the name that they are asked for with.
func Assets() map[string]Asset { return maps.Clone(assets().byName) }

// AssetPath is where a page finds an asset, such as "app.css"; "" for one that is not there.
func AssetPath(plain string) string {
	name, found := assets().names[plain]
	if !found {
		return ""
	}
	return AssetPrefix + name
}
