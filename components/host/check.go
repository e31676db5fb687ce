package host

func (d Description) check() error { return nil }

func (c Client) check() error { return nil }
