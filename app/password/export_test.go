package password

import "golang.org/x/crypto/bcrypt"

// Spy calls look before every comparison.
func Spy(h *Hasher, look func(hash []byte)) {
	h.compare = func(hash, folded []byte) error {
		look(hash)
		return bcrypt.CompareHashAndPassword(hash, folded)
	}
}

// Small is a quick hasher with limits.
func Small(o Options) *Hasher {
	o.Cost = bcrypt.MinCost
	h, err := newHasher(o)
	if err != nil {
		panic(err)
	}
	return h
}
