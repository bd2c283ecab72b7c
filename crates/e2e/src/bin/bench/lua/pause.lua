-- Each connection sends ten requests a second, if they are answered at once.
delay = function() return 100 end
