"""What tests of pages have in common: the article's step."""

from micrograd import nn, optim, record_step
from micrograd.article import networks as article


def article_step(parameters=None, x=article.X, y=article.Y, lr=article.LEARNING_RATE, rule=None):
    model = article.network()
    if parameters:
        model.load_state_dict({**article.PARAMETERS, **parameters})
    rule = rule or optim.SGD
    return record_step(model, nn.MSELoss(), rule(model.parameters(), lr=lr), x, y)
