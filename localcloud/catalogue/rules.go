package catalogue

// Rules is the hand-written half of the catalogue, rules/*.yaml.
type Rules struct {
	Packages  map[string]*Package       `yaml:"packages"`
	Tables    map[string]map[string]any `yaml:"tables"` // look-ups for {table:name:key}
	Types     map[string]*Rule          `yaml:"types"`
	Functions map[string]*FunctionRule  `yaml:"functions"`
	Shared    any                       `yaml:"shared"` // YAML anchors live here; nothing reads it
}

// Package is what all types of a provider package share.
type Package struct {
	Title   string   `yaml:"title"`   // such as AWS
	Version string   `yaml:"version"` // the SDK's, when the generated file does not say
	Scope   Scope    `yaml:"scope"`   // of types that name none
	Config  []string `yaml:"config"`  // the provider's configuration keys
	// Autoname: types with an optional "name" get one when the program gives none.
	Autoname bool           `yaml:"autoname"`
	Outputs  map[string]any `yaml:"outputs"` // computed properties of every type that has them
}

// Scope says within what an id or a name is unique and can be referred to.
type Scope string

// The scopes.
const (
	Global  Scope = "global"  // one name in the world: S3 buckets
	Account Scope = "account" // one in the account: IAM roles
	Region  Scope = "region"  // one in the account's region: the rest of AWS
)

// Rule is how one resource type behaves.
type Rule struct {
	Title    string    `yaml:"title"` // as the cloud's errors call it: "EC2 Subnet"
	ID       string    `yaml:"id"`    // template
	Scope    Scope     `yaml:"scope"`
	Autoname *Autoname `yaml:"autoname"`
	// Outputs are templates of computed properties, and of inputs that the cloud fills.
	Outputs map[string]any `yaml:"outputs"`
	// Exists is the error when an object with the same id is there already. Empty and not Upsert: a generic one.
	Exists string `yaml:"exists"`
	// Upsert: creating over an existing object replaces it silently, as put-style interfaces do.
	Upsert      bool         `yaml:"upsert"`
	Unique      []Unique     `yaml:"unique"`
	References  []Reference  `yaml:"references"`
	Checks      []Check      `yaml:"checks"`
	Protections []Protection `yaml:"protections"`
	Deletion    *Deletion    `yaml:"deletion"`
	// Replaces are changes that replace the object under a condition; those that always do stand in the shape.
	Replaces []Replacement `yaml:"replaces"`
	// Ignores are properties that mean nothing to some objects: changing them changes nothing, and no default is set.
	Ignores  []Ignored  `yaml:"ignores"`
	Variants []Variants `yaml:"variants"`
	// Unsettled are computed properties that are unknown in the preview of an update, by the inputs whose change does
	// it: names, or "*" for any except those with a minus sign. The others keep the value that they have.
	Unsettled map[string][]string `yaml:"unsettled"`
}

// Variants are the items of a list that are of several kinds: what belongs to another kind than an item's means nothing.
type Variants struct {
	List  string            `yaml:"list"`
	By    string            `yaml:"by"`    // the item's property that says its kind
	Kinds map[string]string `yaml:"kinds"` // the kind that a property belongs to
}

// Ignored are properties and the condition under which they mean nothing.
type Ignored struct {
	Properties []string `yaml:"properties"`
	When       When     `yaml:"when"`
}

// Replacement is a property whose changes replace the object when the new inputs fulfil a condition.
type Replacement struct {
	Property string `yaml:"property"`
	When     When   `yaml:"when"`
	// ExceptAdded: what is only added replaces nothing.
	ExceptAdded bool `yaml:"exceptAdded"`
}

// Autoname gives an object a name when the program gives none.
type Autoname struct {
	Property string `yaml:"property"`
	Max      int    `yaml:"max"`
	Lower    bool   `yaml:"lower"`
}

// Unique refuses a second object with the same values in the scope.
type Unique struct {
	Keys  []string `yaml:"keys"`
	Scope Scope    `yaml:"scope"`
	When  When     `yaml:"when"`
	Error string   `yaml:"error"` // template
}

// Reference names an object of another type that has to exist.
type Reference struct {
	Property string   `yaml:"property"` // a path; arrays on it are walked
	To       []string `yaml:"to"`       // types
	By       []string `yaml:"by"`       // properties of the target that may hold the value; default id
	Unless   string   `yaml:"unless"`   // values (regexp) that the cloud itself owns
	Trim     string   `yaml:"trim"`     // a suffix that is not part of the target's value
	Error    string   `yaml:"error"`    // template with {value}
	// OnDelete is what happens to a deletion of the target: refuse, cascade (this object goes too), nothing.
	OnDelete string `yaml:"onDelete"`
	// Refusal is the error of a refused deletion; UnlessTarget a boolean property of the target that lifts it (forceDestroy).
	Refusal      string `yaml:"refusal"`
	UnlessTarget string `yaml:"unlessTarget"`
}

// Check is a rule on values; exactly one of the tests is set.
type Check struct {
	Property string   `yaml:"property"`
	When     When     `yaml:"when"`
	Match    string   `yaml:"match"` // a regexp for the whole value; {region} stands for the provider's
	Never    string   `yaml:"never"` // a regexp that must match nowhere in it
	Max      *float64 `yaml:"max"`
	Min      *float64 `yaml:"min"`
	OneOf    []any    `yaml:"oneOf"`
	Ascend   []string `yaml:"ascend"`  // numbers in rising order, equal allowed
	Require  []string `yaml:"require"` // must be set when When holds
	Refuse   bool     `yaml:"refuse"`  // refused whenever When holds
	CIDR     *CIDR    `yaml:"cidr"`
	Error    string   `yaml:"error"`
}

// CIDR is the test of a network range.
type CIDR struct {
	Largest  int    `yaml:"largest"`  // prefix length of the largest network allowed
	Smallest int    `yaml:"smallest"` // of the smallest
	Within   string `yaml:"within"`   // template that gives the surrounding range
	Siblings string `yaml:"siblings"` // property that objects of this type share when they may not overlap
	// Errors by what went wrong.
	Invalid  string `yaml:"invalid"`
	Outside  string `yaml:"outside"`
	Conflict string `yaml:"conflict"`
}

// Protection refuses a deletion.
type Protection struct {
	When  When   `yaml:"when"`
	Error string `yaml:"error"`
}

// Deletion makes an object linger after it is deleted.
type Deletion struct {
	Window string `yaml:"window"` // template that gives days; 0 deletes at once
	Error  string `yaml:"error"`  // when the name is asked for again, or the object is used
}

// When is a condition: every path has one of the given values. The values "absent" and "present" test for that.
type When map[string]any

// FunctionRule answers a function.
type FunctionRule struct {
	Outputs map[string]any `yaml:"outputs"`
	Refusal string         `yaml:"refusal"` // why the embedded cloud does not answer, and what to do instead
}
