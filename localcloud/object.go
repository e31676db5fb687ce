package localcloud

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

// key is the identity of an object. Account and Region are empty where the type's scope does not need them.
type key struct {
	Type    string `json:"type"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`
	ID      string `json:"id"`
}

// object is one thing that exists in the cloud. Objects are never changed in place: a change is a new one.
type object struct {
	key     key
	urn     string // of the program's resource that made it
	account string
	region  string
	// salt feeds everything that is random about the object, so that computing it again gives the same.
	salt       string
	birth      int // how many objects the urn has had
	generation int // 1 when created, one more with every update
	created    time.Time
	until      time.Time // when a deletion that waits takes effect; zero: the object lives
	inputs     resource.PropertyMap
	state      resource.PropertyMap // inputs and computed properties; secrets are sealed in both
	refs       []resolved           // what it refers to; derived, not stored
}

// pending tells whether the object is deleted and lingers.
func (o *object) pending() bool { return !o.until.IsZero() }

// stored is an object as the journal has it.
type stored struct {
	Key        key            `json:"key"`
	URN        string         `json:"urn"`
	Account    string         `json:"account,omitempty"`
	Region     string         `json:"region,omitempty"`
	Salt       string         `json:"salt"`
	Birth      int            `json:"birth"`
	Generation int            `json:"generation"`
	Created    time.Time      `json:"created"`
	Until      *time.Time     `json:"until,omitempty"`
	Inputs     map[string]any `json:"inputs"`
	State      map[string]any `json:"state"`
}

// record is one line of the journal; exactly one field is set.
type record struct {
	Key    []byte         `json:"sealingKey,omitempty"`
	Put    *stored        `json:"put,omitempty"`
	Delete *key           `json:"delete,omitempty"`
	Births map[string]int `json:"births,omitempty"`
}

func (r record) marshal() ([]byte, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode a record of the journal: %w", err)
	}
	return raw, nil
}

func (o *object) stored() *stored {
	s := &stored{
		Key: o.key, URN: o.urn, Account: o.account, Region: o.region, Salt: o.salt, Birth: o.birth,
		Generation: o.generation, Created: o.created, Inputs: encodeMap(o.inputs), State: encodeMap(o.state),
	}
	if o.pending() {
		s.Until = &o.until
	}
	return s
}

func (s *stored) object() (*object, error) {
	inputs, err := decodeMap(s.Inputs)
	if err != nil {
		return nil, err
	}
	state, err := decodeMap(s.State)
	if err != nil {
		return nil, err
	}
	o := &object{
		key: s.Key, urn: s.URN, account: s.Account, region: s.Region, salt: s.Salt, birth: s.Birth,
		generation: s.Generation, created: s.Created, inputs: inputs, state: state,
	}
	if s.Until != nil {
		o.until = *s.Until
	}
	return o, nil
}
