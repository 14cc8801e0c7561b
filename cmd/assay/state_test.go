package main

import (
	"fmt"
	"testing"
)

// Where the history is kept depends on the config, then on what systemd says, then on the user.
func TestHistoryPlace(t *testing.T) {
	for _, test := range []struct {
		config string
		uid    int
		env    environment
		want   string
	}{
		{"", 0, nil, "sqlite:/var/lib/assay/history.db"},
		{"", 0, environment{"HOME": "/root", "XDG_STATE_HOME": "/root/state"}, "sqlite:/var/lib/assay/history.db"},
		{"", 7, environment{"HOME": "/home/joe"}, "sqlite:/home/joe/.local/state/assay/history.db"},
		{"", 7, environment{"HOME": "/home/joe", "XDG_STATE_HOME": "/state"}, "sqlite:/state/assay/history.db"},
		{"", 7, environment{"HOME": "/home/joe", "XDG_STATE_HOME": "state"}, "sqlite:/home/joe/.local/state/assay/history.db"},
		{"", 7, environment{"HOME": "/home/joe", "STATE_DIRECTORY": "/run/state/"}, "sqlite:/run/state/history.db"},
		{"", 0, environment{"STATE_DIRECTORY": "/first:/second"}, "sqlite:/first/history.db"},
		{"", 0, environment{"STATE_DIRECTORY": "relative:/second"}, "sqlite:/var/lib/assay/history.db"},
		{"", 7, nil, noStateDir},
		{"", 7, environment{"HOME": "joe"}, noStateDir},
		{"state_dir = '/srv/assay'", 7, environment{"STATE_DIRECTORY": "/run/state"}, "sqlite:/srv/assay/history.db"},
		{"state_dir = '/srv/assay'\nhistory.database = 'sqlite:sub/h.db'", 7, nil, "sqlite:/srv/assay/sub/h.db"},
		{"history.database = 'sqlite:/srv/h.db'", 7, nil, "sqlite:/srv/h.db"},
		{"history.database = 'postgres://db.example/mail'", 7, nil, "postgres://db.example/mail"},
		{"history.database = ''", 7, nil, ""},
	} {
		config, err := parseConfig([]byte(test.config), "f", testHostname)
		if err != nil {
			t.Fatal(err)
		}
		p := &program{getenv: test.env.get, uid: test.uid}
		got, err := p.database(config)
		if err != nil {
			got = fmt.Sprint(err)
		}
		if got != test.want {
			t.Errorf("%q, uid %d, %v:\n got %s\nwant %s", test.config, test.uid, test.env, got, test.want)
		}
	}
}

const noStateDir = "neither $STATE_DIRECTORY, $XDG_STATE_HOME nor $HOME names a folder; write state_dir in the config"
