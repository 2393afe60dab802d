// Tells when expressions of Prometheus say something of series that are made up: by its own engine, without a server.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"
)

// series has a value for each step, or null where there was none. Its name is the label __name__.
type series struct {
	Labels map[string]string `json:"labels"`
	Values []*float64        `json:"values"`
}

// question is about some series; it is read from standard input. A step has so many seconds.
type question struct {
	Step       int      `json:"step"`
	Steps      int      `json:"steps"`
	Series     []series `json:"series"`
	Expression string   `json:"expression"`
}

func main() {
	log.SetFlags(0)
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	moments, err := judge(asked)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(moments); err != nil {
		log.Fatal(err)
	}
}

// judge returns the seconds at which the expression has something to say.
func judge(asked question) ([]int, error) {
	folder, err := os.MkdirTemp("", "promql")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	db, err := tsdb.Open(folder, slog.New(slog.DiscardHandler), nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := store(db, asked); err != nil {
		return nil, err
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1_000_000, Timeout: time.Minute})
	moments := []int{}
	for i := range asked.Steps {
		at := i * asked.Step
		query, err := engine.NewInstantQuery(context.Background(), db, nil, asked.Expression, time.Unix(int64(at), 0))
		if err != nil {
			return nil, err
		}
		found, err := query.Exec(context.Background()).Vector()
		query.Close()
		if err != nil {
			return nil, fmt.Errorf("%s at %d s: %w", asked.Expression, at, err)
		}
		if len(found) > 0 {
			moments = append(moments, at)
		}
	}
	return moments, nil
}

// store writes what a server would have collected, in the order of time.
func store(db *tsdb.DB, asked question) error {
	for i := range asked.Steps {
		app := db.Appender(context.Background())
		for _, one := range asked.Series {
			if i >= len(one.Values) || one.Values[i] == nil {
				continue
			}
			at := time.Unix(int64(i*asked.Step), 0).UnixMilli()
			if _, err := app.Append(0, labels.FromMap(one.Labels), at, *one.Values[i]); err != nil {
				return err
			}
		}
		if err := app.Commit(); err != nil {
			return err
		}
	}
	return nil
}
