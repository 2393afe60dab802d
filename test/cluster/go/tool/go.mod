module isoproxy.test/tool

go 1.25.0
