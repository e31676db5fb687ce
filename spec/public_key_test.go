package spec

import "testing"

func TestWholeKeys(t *testing.T) {
	for key, want := range map[string]bool{
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTIlF/hXzsT0zS3e3WVvw9UjCZvQY4st2J734LotwdR":     true,
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPTIlF/hXzsT0zS3e3WVvw9UjCZvQY4st2J734LotwdR a b": true,
		"ssh-ed25519":      false,
		"ssh-ed25519 AAAA": false,
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAH/////////////////////////////////////////w==":        false, // a length beyond the end
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAQA=":                                                 false, // a key of one byte
		"ecdsa-sha2-nistp256 AAAAC3NzaC1lZDI1NTE5AAAAIPTIlF/hXzsT0zS3e3WVvw9UjCZvQY4st2J734LotwdR": false,
	} {
		if got := wholeKey(key); got != want {
			t.Errorf("%s: whole = %v, want %v", key, got, want)
		}
	}
}
