package password

import (
	"crypto/sha256"
	_ "embed" // for the list below
	"encoding/binary"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// breached holds the first 4 bytes of the SHA-256 of every listed password, sorted: 46,880 of them in 188 kB, searched where they
// lie. A password that is not listed is refused by mistake about once in 90,000. See breached.md for the source.
//
//go:generate go run ./makelist ../../package/src/passwords.json breached.bin
//go:embed breached.bin
var breached string

const (
	fingerprint = 4
	// added is how many characters put before and after a listed word do not make it a new one: "Password2026!" is password.
	added = 6
)

// Common tells whether a password is on the embedded list of breached and common ones, or is made from one in a way that every
// attacker tries: capitals, 0 for o, digits and symbols at the ends, twice the same; or is a run such as abcdefgh, aaaaaaaa.
func Common(candidate string) bool {
	plain := strings.ToLower(candidate)
	for _, form := range []string{plain, unleet.Replace(plain)} {
		if listed(form) || run(form) || listed(unit(form)) {
			return true
		}
		core := strings.TrimFunc(form, func(r rune) bool { return !unicode.IsLetter(r) })
		if utf8.RuneCountInString(form)-utf8.RuneCountInString(core) <= added && (listed(core) || listed(unit(core))) {
			return true
		}
	}
	// "Passw0rd!" has to lose its end before the 0 is an o; "p@ssword" has its sign inside.
	core := strings.TrimRightFunc(plain, func(r rune) bool { return !unicode.IsLetter(r) })
	return utf8.RuneCountInString(plain)-utf8.RuneCountInString(core) <= added && listed(unleet.Replace(core))
}

var unleet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// Fingerprint is what stands for a password on the list; the program that makes the list uses it too.
func Fingerprint(plain string) [fingerprint]byte {
	sum := sha256.Sum256([]byte(plain))
	return [fingerprint]byte(sum[:fingerprint])
}

func listed(plain string) bool {
	if len(plain) < 5 {
		return false
	}
	f := Fingerprint(plain)
	want := binary.BigEndian.Uint32(f[:])
	n := len(breached) / fingerprint
	i := sort.Search(n, func(i int) bool { return entry(i) >= want })
	return i < n && entry(i) == want
}

func entry(i int) uint32 {
	s := breached[i*fingerprint : (i+1)*fingerprint]
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}

// unit is the shortest part that a text repeats: "abc" of "abcabcabc", the text itself if there is none.
func unit(s string) string {
	for n := 1; n <= len(s)/2; n++ {
		if len(s)%n == 0 && strings.Repeat(s[:n], len(s)/n) == s {
			return s[:n]
		}
	}
	return s
}

// run tells whether nearly every character is its neighbour's or the next one: 23456789, aaaaaaaaaaab, zyxwvuts.
func run(s string) bool {
	var previous rune
	steps, count := 0, 0
	for _, r := range s {
		if d := r - previous; count > 0 && d >= -1 && d <= 1 {
			steps++
		}
		previous = r
		count++
	}
	return count >= 4 && steps*4 >= (count-1)*3
}
