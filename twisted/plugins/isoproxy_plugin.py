from twisted.application.service import ServiceMaker

serviceMaker = ServiceMaker("isoproxy", "isoproxy.tap", "Give every TCP connection a pod of its own.", "isoproxy")
