package live

// access are the looks at the promises AC-*.
func access() []Look {
	return []Look{{"AC-1", noSignIn}, {"AC-3", leastPrivilege}, {"AC-5", unalterableLog}, {"AC-7", staffPasswords}}
}
