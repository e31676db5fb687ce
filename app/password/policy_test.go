package password_test

import (
	"strings"
	"testing"
	"time"

	"github.com/berth-iac/berth/app/fault"
	"github.com/berth-iac/berth/app/password"
)

func TestStaffPolicyIsAC7(t *testing.T) {
	p := password.Staff()
	if p.MinLength != 12 || !p.Upper || !p.Lower || !p.Digit || !p.Symbol || p.MaxAge != 720*time.Hour || !p.RefuseBreached {
		t.Errorf("staff's policy is %+v", p)
	}
	for candidate, problems := range map[string]int{
		"Heron&kettle7":              0,
		"heron&kettle7":              1, // no capital letter
		"HERON&KETTLE7":              1,
		"Heron&kettles":              1,
		"Heronkettle77":              1,
		"Heron&ke7":                  1, // too short
		"heron":                      5, // short, no capital, no digit, no symbol, common
		"":                           5,
		"Password2026!":              1, // breached
		"Heron&kettle7\x00":          1, // control
		"Heron&kettle7\xff":          1, // not UTF-8
		strings.Repeat("Ab1&", 1000): 1, // too long
	} {
		err := password.Check(p, candidate, nil)
		if got := fault.Problems(err); len(got) != problems {
			t.Errorf("%.40q has %d problems, want %d: %v", candidate, len(got), problems, err)
		}
		if problems > 0 && !fault.Is(err, fault.Invalid) {
			t.Errorf("%.40q: %v is no bad input", candidate, err)
		}
		for _, one := range fault.Problems(err) {
			if one.Field != "password" || one.Fix == "" || (candidate != "" && strings.Contains(one.Error(), candidate)) {
				t.Errorf("%.40q: problem %+v", candidate, one)
			}
		}
	}
}

func TestDefaultPolicyRefusesWhatAttackersTry(t *testing.T) {
	for candidate, good := range map[string]bool{
		"heron kettle":           true,
		"correct horse lantern":  true,
		"ёжик в тумане":          true,
		"Will the heron return?": true, // a name in it does no harm
		"manchester":             false,
		"Manchester2026!":        false,
		"P@ssw0rd12":             false,
		"Passw0rd!2026":          false,
		"dragondragon":           false,
		"qwertyqwerty":           false,
		"1234567890":             false,
		"12345678901234":         false,
		"aaaaaaaaaaaa":           false,
		"abcdefghijkl":           false,
		"zyxwvutsrqpo":           false,
		"short":                  false,
		"WillHarbour1":           false, // made from the name
		"will.harbour":           false,
		"harbour-acme":           false,
	} {
		err := password.Check(password.Default(), candidate, []string{"Will Harbour", "will.harbour@acme.example", "Acme"})
		if (err == nil) != good {
			t.Errorf("%q: %v, want good %v", candidate, err, good)
		}
	}
}

func TestPolicyValid(t *testing.T) {
	if err := password.Staff().Valid(); err != nil {
		t.Error(err)
	}
	if err := password.Default().Valid(); err != nil {
		t.Error(err)
	}
	if n := len(fault.Problems(password.Policy{MinLength: 4, MaxAge: time.Hour, History: 99}.Valid())); n != 3 {
		t.Errorf("%d problems, want 3", n)
	}
	if err := password.Check(password.Policy{}, "kettle", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a policy without a length lets six characters through: %v", err)
	}
}

func TestPolicyExpired(t *testing.T) {
	changed := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		policy password.Policy
		after  time.Duration
		want   bool
	}{
		"AC-7: staff, on the last day": {password.Staff(), 30*24*time.Hour - time.Second, false},
		"AC-7: staff, after 30 days":   {password.Staff(), 30 * 24 * time.Hour, true},
		"users, after ten years":       {password.Default(), 10 * 365 * 24 * time.Hour, false},
	} {
		if got := tc.policy.Expired(changed, changed.Add(tc.after)); got != tc.want {
			t.Errorf("%s: expired %v", name, got)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"", "password", "Heron&kettle7", "\xff\xfe", "İstanbul2026", strings.Repeat("ab", 300)} {
		f.Add(seed, "İlker Ünal")
	}
	f.Fuzz(func(t *testing.T, candidate, about string) {
		err := password.Check(password.Staff(), candidate, []string{about})
		if err != nil && len(fault.Problems(err)) == 0 {
			t.Errorf("%v names no problem", err)
		}
		if err == nil && (len(candidate) < 12 || password.Common(candidate)) {
			t.Errorf("%q went through", candidate)
		}
	})
}
