"""REINFORCE on a two-armed bandit: log-probabilities of actions, returns, normalised."""

import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(1)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(2, 4)
        self.affine2 = nn.Linear(4, 2)
        self.saved_log_probs = []
        self.rewards = []

    def forward(self, x):
        x = torch.relu(self.affine1(x))
        return torch.softmax(self.affine2(x), dim=-1)


policy = Policy()
optimizer = optim.Adam(policy.parameters(), lr=1e-2)
states = torch.eye(2)
for episode in range(3):
    for step in range(4):
        probs = policy(states[step % 2])
        action = (torch.rand(1) > probs[0]).long().item()
        policy.saved_log_probs.append(torch.log(probs[action]))
        policy.rewards.append(1.0 if action == step % 2 else -1.0)
    R = 0
    returns = []
    for r in policy.rewards[::-1]:
        R = r + 0.9 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    policy_loss = [-log_prob * R for log_prob, R in zip(policy.saved_log_probs, returns)]
    optimizer.zero_grad()
    policy_loss = torch.stack(policy_loss).sum()
    policy_loss.backward()
    optimizer.step()
    print(episode, sum(policy.rewards), policy_loss.item())
    del policy.rewards[:]
    del policy.saved_log_probs[:]
